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
 * A stored instant as the contract's reads give it: whole seconds, UTC (apig §4.4: Terraform refuses a fraction).
 * @param epochMs milliseconds since the epoch
 */
export function toSeconds(epochMs: number): string {
  return `${new Date(epochMs).toISOString().slice(0, 19)}Z`;
}

/**
 * An instant as the contract's create and action responses give it: nine fractional digits, UTC (apig §1.6). The clock
 * has milliseconds, so the last six digits are zero.
 * @param epochMs milliseconds since the epoch
 */
export function toNanoseconds(epochMs: number): string {
  return `${new Date(epochMs).toISOString().slice(0, 23)}000000Z`;
}

/**
 * An instant as the identity service gives it: microseconds, UTC (apig §6.1).
 * @param epochMs milliseconds since the epoch
 */
export function toMicroseconds(epochMs: number): string {
  return `${new Date(epochMs).toISOString().slice(0, 23)}000Z`;
}
