import type { Redis } from 'ioredis';
import { RateLimiterMemory, RateLimiterRedis } from 'rate-limiter-flexible';
import type { Rate } from '../config/values.js';

/** The count of a key in its current window. */
export interface RateLimitState {
  allowed: boolean;
  remaining: number;
  /** Whole seconds until the window ends; at least one. */
  resetSeconds: number;
}

/**
 * A limit per key in a fixed window, which begins with the key's first request. If Redis is configured, all processes count there together.
 * Otherwise, and while Redis does not answer, each process counts in memory.
 */
export class RateLimit {
  readonly #limiter: RateLimiterMemory | RateLimiterRedis;
  /** The value for `RateLimit-Policy`. */
  readonly policy: string;

  /** @param name name of the policy, unique in headers and keys */
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

  /** Counts a request. */
  async consume(key: string): Promise<RateLimitState> {
    // Unlike `consume`, this call rejects only if the store fails, and then `insuranceLimiter` counts instead.
    const { consumedPoints, msBeforeNext } = await this.#limiter.penalty(key);
    return this.state(consumedPoints, msBeforeNext);
  }

  /** Returns the state that a request would find, without counting one. */
  async peek(key: string): Promise<RateLimitState> {
    const found = await this.#limiter.get(key);
    // Adds one, because the question is whether the next request would be allowed.
    return this.state((found?.consumedPoints ?? 0) + 1, found?.msBeforeNext ?? this.rate.seconds * 1000);
  }

  /** Resets the count of a key. */
  async reset(key: string): Promise<void> {
    await this.#limiter.delete(key);
  }

  private state(consumed: number, msBeforeNext: number): RateLimitState {
    return {
      allowed: consumed <= this.rate.requests,
      remaining: Math.max(this.rate.requests - consumed, 0),
      resetSeconds: Math.max(Math.ceil(msBeforeNext / 1000), 1),
    };
  }
}
