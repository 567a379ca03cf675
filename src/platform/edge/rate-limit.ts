import type { Redis } from 'ioredis';
import { RateLimiterMemory, RateLimiterRedis } from 'rate-limiter-flexible';
import type { Rate } from '../config/values.js';

/** State of a key in its window. */
export interface RateLimitState {
  allowed: boolean;
  remaining: number;
  /** Whole seconds until the window ends, at least one. */
  resetSeconds: number;
}

/**
 * A fixed-window limit per key; the window begins with the key's first request. Counted in Redis, if configured, for all processes together,
 * and in memory otherwise or while Redis does not answer.
 */
export class RateLimit {
  readonly #limiter: RateLimiterMemory | RateLimiterRedis;
  /** Value for `RateLimit-Policy`. */
  readonly policy: string;

  /** @param name of the policy, unique in headers and keys */
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

  /** Consumes a point. */
  async consume(key: string): Promise<RateLimitState> {
    // Unlike `consume`, it rejects only on a store failure, for which `insuranceLimiter` steps in.
    const { consumedPoints, msBeforeNext } = await this.#limiter.penalty(key);
    return this.state(consumedPoints, msBeforeNext);
  }

  /** The state that a request would find, without consuming a point. */
  async peek(key: string): Promise<RateLimitState> {
    const found = await this.#limiter.get(key);
    // Plus one: whether the next request would be allowed.
    return this.state((found?.consumedPoints ?? 0) + 1, found?.msBeforeNext ?? this.rate.seconds * 1000);
  }

  /** Resets a key. */
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
