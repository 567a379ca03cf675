import { hash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { Clock } from '../common/clock.js';
import type { Principal } from '../common/principal.js';
import { Identity } from './identity.js';

const TOKENS_MAX = 10_000;
/** A disabled user, a removed role or a revoked token stops working within this time. */
const FRESH_MS = 30_000;

interface Cached {
  principal: Principal;
  until: number;
}

/**
 * Verified tokens by their SHA-256, bounded in number and time. A hit is served without a signature check or a look-up;
 * the token itself is never kept.
 */
@Injectable()
export class TokenCache {
  readonly #cache = new LRUCache<string, Cached>({ max: TOKENS_MAX });
  readonly #underway = new Map<string, Promise<Principal>>();
  /** Counts what was forgotten, so that a look-up begun before one does not outlive it in memory. */
  #changes = 0;

  constructor(
    private readonly identity: Identity,
    private readonly clock: Clock,
  ) {}

  /** The principal at once when it is known, else a promise of it. @throws Fault as {@link Identity.authenticate} */
  authenticate(token: string): Principal | Promise<Principal> {
    const key = hash('sha256', token, 'base64url');
    const cached = this.#cache.get(key);
    if (cached && this.clock.now() < cached.until) return cached.principal;
    return this.#underway.get(key) ?? this.verify(key, token);
  }

  /** Forgets a token, e.g. because it was revoked here. */
  forget(token: string): void {
    this.#changes++;
    this.#cache.delete(hash('sha256', token, 'base64url'));
  }

  /** Forgets every token, because somebody's roles have changed: each is looked at anew when it comes. */
  forgetAll(): void {
    this.#changes++;
    this.#cache.clear();
    this.#underway.clear();
  }

  private verify(key: string, token: string): Promise<Principal> {
    const changes = this.#changes;
    const verified = this.identity
      .authenticate(token)
      .then((principal) => {
        if (changes === this.#changes)
          this.#cache.set(key, { principal, until: Math.min(this.clock.now() + FRESH_MS, principal.expiresAt) });
        return principal;
      })
      .finally(() => {
        if (this.#underway.get(key) === verified) this.#underway.delete(key);
      });
    this.#underway.set(key, verified);
    return verified;
  }
}
