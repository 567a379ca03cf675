import type { Instant } from '../../lib/receipts/node.js';

/**
 * If the wall clock and the monotonic clock diverge by more than this during a report, the wall clock was set, and the sample is discarded.
 */
const STEP_MS = 100;

/** This machine's wall clock minus that of the control plane, with the possible error. */
export interface ClockOffset {
  readonly ms: number;
  readonly errorMs: number;
}

/**
 * Estimates the offset from one report: the control plane has read its clock between `sent` and `received`.
 * @returns undefined when this machine's clock was set in between
 */
export function clockOffset(theirMs: number, sent: Instant, received: Instant): ClockOffset | undefined {
  const roundTripMs = received.monotonicMs - sent.monotonicMs;
  if (Math.abs(received.wallMs - sent.wallMs - roundTripMs) > STEP_MS) return undefined;
  return { ms: sent.wallMs + roundTripMs / 2 - theirMs, errorMs: roundTripMs / 2 };
}
