export const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;

/**
 * Wall clock and monotonic clock, injected wherever a decision depends on time, so that tests can control them. Not decorated: gateway nodes
 * load no Nest.
 */
export class Clock {
  /** Unix time in milliseconds, UTC. */
  now(): number {
    return Date.now();
  }

  /** Milliseconds that never go back, of this process alone: for durations. */
  monotonic(): number {
    return performance.now();
  }
}

/**
 * Milliseconds from `then` to `now`; Infinity when the clock was set back in between, so that nothing outlives its lifetime.
 * @param then Unix time in milliseconds
 */
export const since = (then: number, now: number): number => (now < then ? Number.POSITIVE_INFINITY : now - then);

/**
 * A stored time as the contract's reads give it: whole seconds, UTC (docs/contracts/apig.md §4.4: Terraform refuses a fraction).
 * @param epochMs Unix time in milliseconds
 */
export function toSeconds(epochMs: number): string {
  // Caches the date: lists hold keys of the same few days, and formatting a date costs five times as much as a time of day.
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
 * A time as the contract's create and action responses give it: nine fractional digits, UTC (docs/contracts/apig.md §1.6). The clock has
 * milliseconds, so the last six digits are zero.
 * @param epochMs Unix time in milliseconds
 */
export function toNanoseconds(epochMs: number): string {
  return `${new Date(epochMs).toISOString().slice(0, 23)}000000Z`;
}

/**
 * A time as the webhook contract gives it: RFC 3339 with milliseconds, UTC (docs/contracts/endpoints.md §1.1).
 * @param epochMs Unix time in milliseconds
 */
export const toMilliseconds = (epochMs: number): string => new Date(epochMs).toISOString();

/**
 * A time as the identity service gives it: microseconds, UTC (docs/contracts/apig.md §6.1).
 * @param epochMs Unix time in milliseconds
 */
export function toMicroseconds(epochMs: number): string {
  return `${new Date(epochMs).toISOString().slice(0, 23)}000Z`;
}
