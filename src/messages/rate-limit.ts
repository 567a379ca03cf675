/**
 * An endpoint's rate limit as one number (the generic cell rate algorithm): each delivery moves `freeAt` on by one interval, and
 * deliveries are let through as long as it is not further ahead of the clock than the burst allows.
 */
export interface Rate {
  /** Deliveries a second; above 0. */
  perSecond: number;
  /** Deliveries at once; at least 1. */
  burst: number;
}

/** Times are microseconds since the epoch: a thousand deliveries a second leave one millisecond between two. */
export interface Let {
  /** How many of those that want to go may. */
  count: number;
  freeAt: number;
  /** Milliseconds since the epoch at which the next may go, when not all may now. */
  nextAtMs: number | undefined;
}

/**
 * @param freeAt as it was stored; 0 when nothing was let through yet
 * @param wanted deliveries that wait
 * @param nowMs milliseconds since the epoch
 */
export function letThrough({ perSecond, burst }: Rate, freeAt: number, wanted: number, nowMs: number): Let {
  const interval = 1_000_000 / perSecond;
  const now = nowMs * 1000;
  // Differences first: an instant in microseconds leaves a double no digits for fractions.
  const ahead = Math.max(freeAt - now, 0);
  const count = Math.max(0, Math.min(wanted, Math.floor(burst - ahead / interval + EPSILON)));
  const after = Math.ceil(ahead + count * interval);
  return {
    count,
    freeAt: count === 0 ? freeAt : now + after,
    nextAtMs: count < wanted ? nowMs + Math.max(1, Math.ceil((after - (burst - 1) * interval) / 1000)) : undefined,
  };
}

/** Intervals of a third of a second do not add up to whole ones. */
const EPSILON = 1e-6;
