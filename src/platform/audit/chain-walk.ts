import type { Database } from '../database/database.js';
import type { AuditEvent } from './audit-event.entity.js';
import { chainHash, GENESIS, SELECT_EVENTS } from './chain.js';

/**
 * A fault in a chain.
 * - `changed`: the row does not match its hash, or both its predecessor and the predecessor's hash were rewritten
 * - `missing`: rows `seq` to `through` are absent
 * - `moved`: the row was written as number `from`
 * - `surplus`: the row comes after the end of its chain
 * - `rewritten`: the row is consistent, but does not match the hash stored outside the database
 */
export interface ChainFault {
  scopeId: string;
  seq: number;
  fault: 'changed' | 'missing' | 'moved' | 'surplus' | 'rewritten';
  through?: number;
  from?: number;
}

/** A position in a chain, and the hash of the row at that position. */
export interface Place {
  seq: number;
  hash: string;
}

export const BEGINNING: Place = { seq: 0, hash: GENESIS };

interface Suspect {
  event: AuditEvent;
  previous: string;
  afterGap: boolean;
}

const BATCH = 1000;
/** If more rows than this are faulty, the search for moved rows is skipped, because it takes cubic time. */
const SUSPECTS_MAX = 40;

/**
 * Walks a chain in order and reports its faults.
 * @param after the position before the first row to check
 * @param through the last row to check; absent: all
 * @returns the last existing row, the number of rows, and the faults between `after` and it
 */
export async function walkChain(
  database: Database,
  scopeId: string,
  after: Place,
  onEvent: (event: AuditEvent) => void = () => undefined,
  through = Number.MAX_SAFE_INTEGER,
): Promise<{ last: Place & { action: string }; events: number; faults: ChainFault[] }> {
  let last = { ...after, action: '' };
  let events = 0;
  const faults: ChainFault[] = [];
  const suspects: Suspect[] = [];
  for (;;) {
    const rows = await database.rows<AuditEvent>(`${SELECT_EVENTS} WHERE scope_id = ? AND seq > ? AND seq <= ? ORDER BY seq LIMIT ?`, [
      scopeId,
      last.seq,
      through,
      String(BATCH),
    ]);
    for (const event of rows) {
      const afterGap = event.seq !== last.seq + 1;
      if (afterGap) faults.push(missing(scopeId, last.seq + 1, event.seq - 1));
      if (chainHash(event, last.hash) !== event.hash) {
        if (suspects.length < SUSPECTS_MAX) suspects.push({ event, previous: last.hash, afterGap });
        else faults.push({ scopeId, seq: event.seq, fault: 'changed' });
      }
      last = { seq: event.seq, hash: event.hash, action: event.action };
      events++;
      onEvent(event);
    }
    if (rows.length < BATCH) break;
  }
  faults.push(...classify(suspects, faults));
  return { last, events, faults: faults.sort((a, b) => a.seq - b.seq) };
}

export const missing = (scopeId: string, seq: number, through: number): ChainFault => ({ scopeId, seq, through, fault: 'missing' });

/**
 * Sorts the rows that do not follow from their predecessor: rows in their own place whose predecessor is wrong, moved rows, and changed
 * rows. A row's hash covers its number, so its original position can be found.
 */
function classify(suspects: readonly Suspect[], gaps: readonly ChainFault[]): ChainFault[] {
  const hashes = new Set(suspects.flatMap(({ event, previous }) => [event.hash, previous]));
  const places = new Set(suspects.map(({ event }) => event.seq));
  for (const { seq, through = seq } of gaps) for (let at = seq; at <= through && places.size < 2 * SUSPECTS_MAX; at++) places.add(at);
  const stoodAt = (event: AuditEvent, seq: number) => [...hashes].some((hash) => chainHash({ ...event, seq }, hash) === event.hash);
  return suspects.flatMap(({ event, afterGap }): ChainFault[] => {
    const { scopeId, seq } = event;
    if (stoodAt(event, seq)) return [];
    const from = [...places].find((place) => place !== seq && stoodAt(event, place));
    if (from !== undefined) return [{ scopeId, seq, fault: 'moved', from }];
    // The gap removed the hash that this row needs for its check. So the gap is reported, and the next row verifies this one.
    return afterGap ? [] : [{ scopeId, seq, fault: 'changed' }];
  });
}
