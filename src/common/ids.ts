import { randomFillSync } from 'node:crypto';
import { v7 } from 'uuid';

const ID_BYTES = 16;
/** Randomness is fetched for many ids at once: fetching it costs more than all the rest of an id. */
const randomness = Buffer.alloc(256 * ID_BYTES);
let used = randomness.length;
let msecs = 0;
let seq = 0;

/**
 * A new id: 32 lower-case hex digits, a UUIDv7 without dashes. Time-ordered, also within a millisecond and when the clock steps
 * back, so that an index grows at its end and "newest first" is `ORDER BY id DESC`.
 */
export function newId(): string {
  if (used === randomness.length) {
    randomFillSync(randomness);
    used = 0;
  }
  const random = randomness.subarray(used, (used += ID_BYTES));
  const now = new Date().getTime();
  if (now > msecs) {
    msecs = now;
    // Half of the counter's range is left for the ids that share this millisecond.
    seq = random.readUInt32BE(6) >>> 1;
  } else {
    seq = (seq + 1) >>> 0;
    if (seq === 0) msecs++;
  }
  return v7({ msecs, seq, random }).replaceAll('-', '');
}

/** What an id of the APIG contract can look like (apig §4.3); anything else cannot exist and needs no look-up. */
export const ID_PATTERN = /^[A-Za-z0-9_-]{1,64}$/;

/** Where the service keeps secrets of its own in the vault, among those of projects: no project can have such an id. */
export const RESERVED_IDS: ReadonlySet<string> = new Set(['iam', 'api-keys']);
