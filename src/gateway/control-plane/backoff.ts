import { randomInt } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * Waits by exponential backoff with jitter. The delay doubles after each failure and is chosen at random from its upper half, so that nodes
 * that have lost the same control plane do not reconnect at the same moment.
 * @param failures the number of failures so far, from 0
 */
export async function backOff(
  failures: number,
  { firstMs, longestMs }: { firstMs: number; longestMs: number },
  signal: AbortSignal,
): Promise<void> {
  const longest = Math.min(longestMs, firstMs * 2 ** Math.min(failures, 20));
  await delay(randomInt(Math.ceil(longest / 2), longest + 1), undefined, { signal }).catch(() => undefined);
}
