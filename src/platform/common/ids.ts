import { randomFillSync } from 'node:crypto';
import { v7 } from 'uuid';

const ID_BYTES = 16;
/** Random bytes are fetched for 256 ids at once: the call costs more than the rest of an id. */
const randomness = Buffer.alloc(256 * ID_BYTES);
let used = randomness.length;
let msecs = 0;
let seq = 0;

/**
 * A new id: a UUIDv7 without dashes, 32 lower-case hex digits. Monotonic, also within a millisecond and when the clock is set back, so
 * that index inserts append and "newest first" is `ORDER BY id DESC`.
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
    // Half of the counter's range is left for further ids of this millisecond.
    seq = random.readUInt32BE(6) >>> 1;
  } else {
    seq = (seq + 1) >>> 0;
    if (seq === 0) msecs++;
  }
  return v7({ msecs, seq, random }).replaceAll('-', '');
}

/** Format of an id in the APIG contract (docs/contracts/apig.md §4.3); other strings need no look-up. */
export const ID_PATTERN = /^[A-Za-z0-9_-]{1,64}$/;

/** Owner ids of the service's own secrets in the vault: no project can have one of them. */
export const RESERVED_IDS: ReadonlySet<string> = new Set(['iam', 'api-keys']);
