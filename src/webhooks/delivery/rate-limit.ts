/** Parameters of the generic cell rate algorithm (GCRA). */
export interface Rate {
  /** Deliveries per second; greater than 0. */
  perSecond: number;
  /** Maximum number of deliveries at once; at least 1. */
  burst: number;
}

export interface GcraResult {
  /** Number of deliveries that are allowed now. */
  count: number;
  /**
   * The new theoretical arrival time in microseconds since the epoch. Microseconds are needed because the interval may be as short as one
   * millisecond.
   */
  theoreticalArrival: number;
  /** When the next delivery is allowed, as Unix time in milliseconds; undefined when all are allowed now. */
  nextAtMs: number | undefined;
}

/**
 * Applies the rate limit. Each allowed delivery advances the theoretical arrival time by one interval. Deliveries are allowed while this
 * time is ahead of the clock by less than the burst.
 * @param theoreticalArrival the stored theoretical arrival time in microseconds since the epoch; 0 for a new endpoint
 * @param wanted the number of deliveries that wait
 * @param nowMs Unix time in milliseconds
 */
export function gcra({ perSecond, burst }: Rate, theoreticalArrival: number, wanted: number, nowMs: number): GcraResult {
  const interval = 1_000_000 / perSecond;
  const now = nowMs * 1000;
  // Subtracts first, because a double has no fraction digits left for microseconds since the epoch.
  const ahead = Math.max(theoreticalArrival - now, 0);
  const count = Math.max(0, Math.min(wanted, Math.floor(burst - ahead / interval + EPSILON)));
  const after = Math.ceil(ahead + count * interval);
  return {
    count,
    theoreticalArrival: count === 0 ? theoreticalArrival : now + after,
    nextAtMs: count < wanted ? nowMs + Math.max(1, Math.ceil((after - (burst - 1) * interval) / 1000)) : undefined,
  };
}

/** Compensates for rounding errors of intervals such as 1/3 s. */
const EPSILON = 1e-6;
