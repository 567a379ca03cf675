/** Parameters of the generic cell rate algorithm (GCRA). */
export interface Rate {
  /** Deliveries per second; greater than 0. */
  perSecond: number;
  /** Deliveries at once; at least 1. */
  burst: number;
}

export interface GcraResult {
  /** Deliveries permitted now. */
  count: number;
  /** The new theoretical arrival time, in microseconds since the epoch: at 1000 per second the interval is one millisecond. */
  theoreticalArrival: number;
  /** When the next delivery is permitted, in Unix time in milliseconds; undefined when all are permitted now. */
  nextAtMs: number | undefined;
}

/**
 * Each permitted delivery advances the theoretical arrival time by one interval. Deliveries are permitted while it is ahead of the clock by
 * less than the burst.
 * @param theoreticalArrival stored theoretical arrival time, in microseconds since the epoch; 0 for a new endpoint
 * @param wanted deliveries that wait
 * @param nowMs Unix time in milliseconds
 */
export function gcra({ perSecond, burst }: Rate, theoreticalArrival: number, wanted: number, nowMs: number): GcraResult {
  const interval = 1_000_000 / perSecond;
  const now = nowMs * 1000;
  // Subtracts first: at microseconds since the epoch a double has no fraction digits left.
  const ahead = Math.max(theoreticalArrival - now, 0);
  const count = Math.max(0, Math.min(wanted, Math.floor(burst - ahead / interval + EPSILON)));
  const after = Math.ceil(ahead + count * interval);
  return {
    count,
    theoreticalArrival: count === 0 ? theoreticalArrival : now + after,
    nextAtMs: count < wanted ? nowMs + Math.max(1, Math.ceil((after - (burst - 1) * interval) / 1000)) : undefined,
  };
}

/** Absorbs rounding errors of intervals such as 1/3 s. */
const EPSILON = 1e-6;
