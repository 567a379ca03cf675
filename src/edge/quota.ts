import type { Redis } from 'ioredis';
import { RateLimiterMemory, RateLimiterRedis } from 'rate-limiter-flexible';
import type { Rate } from '../config/edge.js';

/** Where a key stands in its window. */
export interface Standing {
  allowed: boolean;
  remaining: number;
  /** Whole seconds until the window ends, at least one. */
  resetSeconds: number;
}

/**
 * So many points for a key in a fixed window, which begins at the key's first: counted in Redis where there is one, for all processes
 * together, and in memory where there is none or it does not answer.
 */
export class Quota {
  readonly #limiter: RateLimiterMemory | RateLimiterRedis;
  /** As it stands in `RateLimit-Policy`. */
  readonly policy: string;

  /** @param name of the policy, a word of its own in headers and keys */
  constructor(
    readonly name: string,
    readonly rate: Rate,
    redis: Redis | undefined,
  ) {
    const options = { points: rate.requests, duration: rate.seconds, keyPrefix: `signet:limit:${name}` };
    const memory = new RateLimiterMemory(options);
    this.#limiter = redis
      ? new RateLimiterRedis({ ...options, storeClient: redis, insuranceLimiter: memory, rejectIfRedisNotReady: true })
      : memory;
    this.policy = `"${name}";q=${rate.requests};w=${rate.seconds}`;
  }

  /** Takes a point. */
  async take(key: string): Promise<Standing> {
    // Unlike `consume` it rejects for nothing but a broken store, which there is not.
    const { consumedPoints, msBeforeNext } = await this.#limiter.penalty(key);
    return this.standing(consumedPoints, msBeforeNext);
  }

  /** Whether a point is left, without taking it. */
  async look(key: string): Promise<Standing> {
    const found = await this.#limiter.get(key);
    // One more than was taken: what is asked for is whether the next may be.
    return this.standing((found?.consumedPoints ?? 0) + 1, found?.msBeforeNext ?? this.rate.seconds * 1000);
  }

  /** Gives every point of a key back. */
  async forget(key: string): Promise<void> {
    await this.#limiter.delete(key);
  }

  private standing(consumed: number, msBeforeNext: number): Standing {
    return {
      allowed: consumed <= this.rate.requests,
      remaining: Math.max(this.rate.requests - consumed, 0),
      resetSeconds: Math.max(Math.ceil(msBeforeNext / 1000), 1),
    };
  }
}
