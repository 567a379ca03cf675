import type { Database } from '../database/database.js';
import type { AuditEvent } from './audit-event.entity.js';
import { chainHash, GENESIS, SELECT_EVENTS } from './chain.js';

/**
 * What is wrong with a chain, and where.
 * - `changed`: the row is not what its hash says, or the row before it was rewritten together with its own hash
 * - `missing`: rows that were there and are not, from `seq` to `through`
 * - `moved`: the row that stands here was written as number `from`
 * - `surplus`: the row is behind the end of its chain
 * - `rewritten`: the row is in order by itself, and has not the hash that was noted elsewhere
 */
export interface ChainFault {
  scopeId: string;
  seq: number;
  fault: 'changed' | 'missing' | 'moved' | 'surplus' | 'rewritten';
  through?: number;
  from?: number;
}

/** A place in a chain, and the hash of the row there. */
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
/** Beyond this many rows at fault nobody asks which of them stood where; the search is of the third power. */
const SUSPECTS_MAX = 40;

/**
 * Walks a chain in order and finds what breaks it.
 * @param after the place before the first row to look at
 * @param through the last row to look at; absent: all there are
 * @returns the last row that there is, how many there are, and the faults between `after` and it
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
  faults.push(...judge(suspects, faults));
  return { last, events, faults: faults.sort((a, b) => a.seq - b.seq) };
}

export const missing = (scopeId: string, seq: number, through: number): ChainFault => ({ scopeId, seq, through, fault: 'missing' });

/**
 * Which of the rows that do not follow from the row before them are in their own place (it is the one before that is wrong),
 * which came from another, and which are not what was written. A row's hash is over its number, so it tells where it stood.
 */
function judge(suspects: readonly Suspect[], gaps: readonly ChainFault[]): ChainFault[] {
  const hashes = new Set(suspects.flatMap(({ event, previous }) => [event.hash, previous]));
  const places = new Set(suspects.map(({ event }) => event.seq));
  for (const { seq, through = seq } of gaps) for (let at = seq; at <= through && places.size < 2 * SUSPECTS_MAX; at++) places.add(at);
  const stoodAt = (event: AuditEvent, seq: number) => [...hashes].some((hash) => chainHash({ ...event, seq }, hash) === event.hash);
  return suspects.flatMap(({ event, afterGap }): ChainFault[] => {
    const { scopeId, seq } = event;
    if (stoodAt(event, seq)) return [];
    const from = [...places].find((place) => place !== seq && stoodAt(event, place));
    if (from !== undefined) return [{ scopeId, seq, fault: 'moved', from }];
    // The hash before a gap is gone: the gap is the fault, and the row behind it is judged by its successor.
    return afterGap ? [] : [{ scopeId, seq, fault: 'changed' }];
  });
}
