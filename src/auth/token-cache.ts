import { hash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { Fault, type FaultKind } from '../common/api-error.js';
import { Clock } from '../common/clock.js';
import type { Principal } from '../common/principal.js';
import { Identity } from './identity.js';

const TOKENS_MAX = 10_000;

interface Cached {
  principal: Principal;
  until: number;
}

interface Refused {
  kind: FaultKind;
  until: number;
}

/**
 * Verified tokens by their SHA-256, bounded in number and time. A hit is served without a signature check or a look-up;
 * the token itself is never kept. Refusals are kept apart, so that made-up tokens push no real one out.
 */
@Injectable()
export class TokenCache {
  readonly #cache = new LRUCache<string, Cached>({ max: TOKENS_MAX });
  readonly #refused = new LRUCache<string, Refused>({ max: TOKENS_MAX });
  readonly #underway = new Map<string, Promise<Principal>>();
  /** Counts what was forgotten, so that a look-up begun before one does not outlive it in memory. */
  #changes = 0;

  constructor(
    private readonly identity: Identity,
    private readonly clock: Clock,
  ) {}

  /**
   * The principal at once when it is known, else a promise of it.
   * @param writes the request changes something: an identity that wants to be asked about those is asked, whatever is known
   * @throws Fault as {@link Identity.authenticate}
   */
  authenticate(token: string, writes = false): Principal | Promise<Principal> {
    const key = hash('sha256', token, 'base64url');
    const now = this.clock.now();
    const refused = this.identity.refusedMs > 0 ? this.#refused.get(key) : undefined;
    if (refused && now < refused.until) throw new Fault(refused.kind);
    // Nor is an answer waited for that was asked for earlier: the token may have been revoked since.
    if (writes && this.identity.revalidatesWrites) return this.verify(key, token);
    const cached = this.#cache.get(key);
    if (cached && now < cached.until) return cached.principal;
    return this.#underway.get(key) ?? this.verifyOnce(key, token);
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

  private verifyOnce(key: string, token: string): Promise<Principal> {
    const verified = this.verify(key, token).finally(() => {
      if (this.#underway.get(key) === verified) this.#underway.delete(key);
    });
    this.#underway.set(key, verified);
    return verified;
  }

  private async verify(key: string, token: string): Promise<Principal> {
    // Counted from the question: the answer may have been true only then.
    const asked = this.clock.now();
    const changes = this.#changes;
    try {
      const principal = await this.identity.authenticate(token);
      if (changes === this.#changes)
        this.#cache.set(key, { principal, until: Math.min(asked + this.identity.freshMs, principal.expiresAt) });
      return principal;
    } catch (error) {
      if (error instanceof Fault && (error.kind === 'token_invalid' || error.kind === 'token_expired')) {
        this.#cache.delete(key);
        if (this.identity.refusedMs > 0) this.#refused.set(key, { kind: error.kind, until: this.clock.now() + this.identity.refusedMs });
      }
      throw error;
    }
  }
}
