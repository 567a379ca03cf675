import type { LoggedChange } from '../changes/change-log.js';
import type { ChangeEvent, Heartbeat } from '../lib/protocol/protocol.js';

/** An event as it goes out: made once, sent to everybody. */
export interface Frame {
  revision: number;
  bytes: Buffer;
}

const event = (name: string, data: ChangeEvent | Heartbeat, id?: number) =>
  Buffer.from(`${id === undefined ? '' : `id: ${id}\n`}event: ${name}\ndata: ${JSON.stringify(data)}\n\n`);

export const heartbeat = (revision: number): Buffer => event('heartbeat', { revision });

/** The watcher has to take a snapshot; nothing follows. */
export const resync = (revision: number): Buffer => event('resync', { revision });

/**
 * Changes as events, one a revision.
 * @param after the revision before the first
 * @returns as many as follow each other without a gap; fewer than asked for means a hole, or a log that ends
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
