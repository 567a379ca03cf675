import type { LoggedChange } from '../../platform/changes/change-log.js';
import type { ChangeEvent, Heartbeat } from '../../lib/protocol/protocol.js';

/** An encoded event, shared by all subscribers. */
export interface Frame {
  revision: number;
  bytes: Buffer;
}

const event = (name: string, data: ChangeEvent | Heartbeat, id?: number) =>
  Buffer.from(`${id === undefined ? '' : `id: ${id}\n`}event: ${name}\ndata: ${JSON.stringify(data)}\n\n`);

export const heartbeat = (revision: number): Buffer => event('heartbeat', { revision });

/** An event that tells the subscriber to load a snapshot. No event follows. */
export const resync = (revision: number): Buffer => event('resync', { revision });

/**
 * Encodes changes as events, one per revision.
 * @param after the revision before the first one
 * @returns the events up to the first gap. If there are fewer than expected, the log has a gap or ends
 */
export function framesAfter(after: number, changes: readonly LoggedChange[]): Frame[] {
  const frames: Frame[] = [];
  for (let i = 0; i < changes.length; ) {
    const { revision } = changes[i]!;
    if (revision !== after + frames.length + 1) break;
    const pointers: ChangeEvent['changes'] = [];
    for (; changes[i]?.revision === revision; i++) {
      const { kind, targetId, op } = changes[i]!;
      pointers.push({ kind, id: targetId, op });
    }
    frames.push({ revision, bytes: event('change', { revision, changes: pointers }, revision) });
  }
  return frames;
}
