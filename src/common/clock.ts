import { Injectable } from '@nestjs/common';

/** The wall clock, injected wherever a decision depends on time, so that a test can move it. */
@Injectable()
export class Clock {
  /** Milliseconds since the epoch, UTC. */
  now(): number {
    return Date.now();
  }
}

/**
 * Milliseconds from `then` to `now`; without end when the clock was set back meanwhile, so that nothing outlives its time.
 * @param then milliseconds since the epoch
 */
export const since = (then: number, now: number): number => (now < then ? Number.POSITIVE_INFINITY : now - then);

/**
 * A stored instant as the contract's reads give it: whole seconds, UTC (apig §4.4: Terraform refuses a fraction).
 * @param epochMs milliseconds since the epoch
 */
export function toSeconds(epochMs: number): string {
  // Lists hold keys of the same few days: formatting a date costs five times what its time of day does.
  const day = Math.floor(epochMs / DAY_MS);
  if (day !== lastDay) {
    lastDate = new Date(day * DAY_MS).toISOString().slice(0, 11);
    lastDay = day;
  }
  const seconds = Math.floor((epochMs - day * DAY_MS) / 1000);
  return `${lastDate}${TWO[Math.floor(seconds / 3600)]}:${TWO[Math.floor(seconds / 60) % 60]}:${TWO[seconds % 60]}Z`;
}

const DAY_MS = 86_400_000;
const TWO = Array.from({ length: 60 }, (_, i) => String(i).padStart(2, '0'));
let lastDay = Number.NaN;
let lastDate = '';

/**
 * An instant as the contract's create and action responses give it: nine fractional digits, UTC (apig §1.6). The clock
 * has milliseconds, so the last six digits are zero.
 * @param epochMs milliseconds since the epoch
 */
export function toNanoseconds(epochMs: number): string {
  return `${new Date(epochMs).toISOString().slice(0, 23)}000000Z`;
}

/**
 * An instant as the webhook contract gives it: RFC 3339 with milliseconds, UTC (endpoints §1.1).
 * @param epochMs milliseconds since the epoch
 */
export const toMilliseconds = (epochMs: number): string => new Date(epochMs).toISOString();

/**
 * An instant as the identity service gives it: microseconds, UTC (apig §6.1).
 * @param epochMs milliseconds since the epoch
 */
export function toMicroseconds(epochMs: number): string {
  return `${new Date(epochMs).toISOString().slice(0, 23)}000Z`;
}
