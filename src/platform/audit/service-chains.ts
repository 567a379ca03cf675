import type { Tx } from '../database/database.js';
import { FORMAT, GENESIS, insertEvent, type UnhashedEvent } from './chain.js';

/** Chain of denied requests. It has a lock of its own, so that denied requests and writes do not wait for each other. */
export const DENIED = 'signet.denied';

/** Chain of the checkpoints, one for each pruning of a chain. */
export const CHECKPOINTS = 'signet.checkpoints';

/** A row of a service chain, before it gets its number. */
export type ServiceEvent = Omit<UnhashedEvent, 'scopeId' | 'seq' | 'format'>;

/**
 * Appends rows to a service chain. As in every write, the counter is incremented first: it locks the chain and orders its rows.
 * @returns the number of the last row
 */
export async function append(tx: Tx, chain: typeof DENIED | typeof CHECKPOINTS, events: readonly ServiceEvent[]): Promise<number> {
  await tx.run("UPDATE change_counters SET revision = revision + ? WHERE scope_kind = 'service' AND scope_id = ? AND project_id = ''", [
    events.length,
    chain,
  ]);
  const [counter] = await tx.rows<{ revision: number }>(
    "SELECT revision FROM change_counters WHERE scope_kind = 'service' AND scope_id = ?",
    [chain],
  );
  if (!counter) throw new Error(`the counter of the audit chain ${chain} is missing`);
  const last = Number(counter.revision);
  let seq = last - events.length;
  const [head] = await tx.rows<{ hash: string }>('SELECT hash FROM audit_events WHERE scope_id = ? AND seq = ?', [chain, seq]);
  let previous = head?.hash ?? GENESIS;
  for (const event of events) previous = await insertEvent(tx, { ...event, scopeId: chain, seq: ++seq, format: FORMAT }, previous);
  return last;
}
