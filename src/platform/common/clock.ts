export const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;

/**
 * Wall clock and monotonic clock. Injected wherever a decision depends on time, so that tests can control it. Has no decorator, because
 * gateway nodes do not load Nest.
 */
export class Clock {
  /** Current Unix time in milliseconds. */
  now(): number {
    return Date.now();
  }

  /** Milliseconds of a clock that never goes back, for durations. Comparable within this process only. */
  monotonic(): number {
    return performance.now();
  }
}

/**
 * Milliseconds from `then` to `now`. Infinity when the clock was set back in between, so that nothing outlives its lifetime.
 * @param then Unix time in milliseconds
 */
export const since = (then: number, now: number): number => (now < then ? Number.POSITIVE_INFINITY : now - then);

/**
 * Formats a stored time for read responses of the APIG contract: whole seconds, UTC (docs/contracts/apig.md §4.4; Terraform refuses a
 * fraction).
 * @param epochMs Unix time in milliseconds
 */
export function toSeconds(epochMs: number): string {
  // The date is cached: the keys of a list come from few days, and formatting a date costs five times as much as a time of day.
  const day = Math.floor(epochMs / DAY_MS);
  if (day !== lastDay) {
    lastDate = new Date(day * DAY_MS).toISOString().slice(0, 11);
    lastDay = day;
  }
  const seconds = Math.floor((epochMs - day * DAY_MS) / 1000);
  return `${lastDate}${TWO[Math.floor(seconds / 3600)]}:${TWO[Math.floor(seconds / 60) % 60]}:${TWO[seconds % 60]}Z`;
}

const TWO = Array.from({ length: 60 }, (_, i) => String(i).padStart(2, '0'));
let lastDay = Number.NaN;
let lastDate = '';

/**
 * Formats a time for create and action responses of the APIG contract: nine fractional digits, UTC (docs/contracts/apig.md §1.6). The clock
 * has milliseconds, so the last six digits are zero.
 * @param epochMs Unix time in milliseconds
 */
export function toNanoseconds(epochMs: number): string {
  return `${new Date(epochMs).toISOString().slice(0, 23)}000000Z`;
}

/**
 * Formats a time for the webhook contract: RFC 3339 with milliseconds, UTC (docs/contracts/endpoints.md §1.1).
 * @param epochMs Unix time in milliseconds
 */
export const toMilliseconds = (epochMs: number): string => new Date(epochMs).toISOString();

/**
 * Formats a time for the identity service: microseconds, UTC (docs/contracts/apig.md §6.1).
 * @param epochMs Unix time in milliseconds
 */
export function toMicroseconds(epochMs: number): string {
  return `${new Date(epochMs).toISOString().slice(0, 23)}000Z`;
}
