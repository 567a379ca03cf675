import os from 'node:os';

/** System clock, milliseconds since the epoch: the default of every `now` option. Internal functions take the time as an argument. */
export const systemNow = (): number => Date.now();

/** Milliseconds since the process began. May stop while the machine sleeps. */
export const monotonicNow = (): number => performance.now();

/**
 * Milliseconds by each clock that there is. The monotonic one may stop while the machine sleeps, the wall clock can be set, and the machine's
 * uptime does neither where the system tells it.
 */
export function clocks(): readonly number[] {
  const both = [monotonicNow(), systemNow()];
  try {
    return [...both, os.uptime() * 1000];
  } catch {
    return both;
  }
}

/** The longest time since then by any clock, milliseconds. */
export const longestSince = (then: readonly number[], now: readonly number[] = clocks()): number =>
  Math.max(...then.map((time, i) => (now[i] ?? -Infinity) - time));
