import { randomFillSync } from 'node:crypto';
import { v7 } from 'uuid';

const ID_BYTES = 16;
/** Random bytes for 256 ids, fetched at once: the call costs more than the rest of an id. */
const randomness = Buffer.alloc(256 * ID_BYTES);
let used = randomness.length;
let msecs = 0;
let seq = 0;

/**
 * Creates an id: a UUIDv7 without dashes, 32 lower-case hex digits. Ids always increase, also within a millisecond and when the clock is
 * set back, so inserts append to the index, and `ORDER BY id DESC` means newest first.
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
    // Starts in the lower half of the counter's range, so that further ids of this millisecond fit.
    seq = random.readUInt32BE(6) >>> 1;
  } else {
    seq = (seq + 1) >>> 0;
    if (seq === 0) msecs++;
  }
  return v7({ msecs, seq, random }).replaceAll('-', '');
}

/** Format of an id in the APIG contract (docs/contracts/apig.md §4.3). Other strings are not looked up. */
export const ID_PATTERN = /^[A-Za-z0-9_-]{1,64}$/;

/** Ids under which the vault stores the service's own secrets. No project can have one of them. */
export const RESERVED_IDS: ReadonlySet<string> = new Set(['iam', 'api-keys']);
