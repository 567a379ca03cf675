import { randomInt } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * Exponential backoff with jitter: the delay doubles after each failure, and is drawn from its upper half, so that nodes which
 * lost the same control plane do not reconnect at the same moment.
 * @param failures number of failures so far, from 0
 */
export async function backOff(
  failures: number,
  { firstMs, longestMs }: { firstMs: number; longestMs: number },
  signal: AbortSignal,
): Promise<void> {
  const longest = Math.min(longestMs, firstMs * 2 ** Math.min(failures, 20));
  await delay(randomInt(Math.ceil(longest / 2), longest + 1), undefined, { signal }).catch(() => undefined);
}
