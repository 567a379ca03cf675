import { randomInt } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * Waits before the next attempt: twice as long after each failure, from a random point of the upper half, so that a thousand
 * nodes that lost the same control plane do not come back at the same moment.
 * @param failures so far, from 0
 */
export async function backOff(
  failures: number,
  { firstMs, longestMs }: { firstMs: number; longestMs: number },
  signal: AbortSignal,
): Promise<void> {
  const longest = Math.min(longestMs, firstMs * 2 ** Math.min(failures, 20));
  await delay(randomInt(Math.ceil(longest / 2), longest + 1), undefined, { signal }).catch(() => undefined);
}
