import { hash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { ApiFault, type FaultKind } from '../common/api-error.js';
import { Clock } from '../common/clock.js';
import type { Principal } from '../common/principal.js';
import { Identity } from './identity.js';
import { RevocableCache } from './revocable-cache.js';

const TOKENS_MAX = 10_000;

interface Refused {
  kind: FaultKind;
  until: number;
}

/**
 * Verified tokens by their SHA-256, limited in number and age. A hit needs neither a signature check nor a look-up. Tokens themselves are
 * not stored. Refusals have a separate cache, so that invalid tokens evict no valid ones.
 *
 * Guarantees: A revoked token and a changed role apply at once in the process that changed them, and within `Identity.freshMs` in every
 * other.
 * Condition: The change calls `forget`, `forgetSession` or `forgetAll`. A change at an external identity service applies with the next look-up.
 * Degrades: While the database or the identity service fails, a token without a fresh entry is answered with an error, never accepted.
 */
@Injectable()
export class TokenCache {
  readonly #cache: RevocableCache<Principal, string>;
  readonly #refused = new LRUCache<string, Refused>({ max: TOKENS_MAX });

  constructor(
    private readonly identity: Identity,
    private readonly clock: Clock,
  ) {
    this.#cache = new RevocableCache({
      max: TOKENS_MAX,
      clock,
      freshMs: () => identity.freshMs,
      endsAt: ({ expiresAt }) => expiresAt,
      lookUp: (token) => this.verify(token),
    });
  }

  /**
   * Returns the principal, synchronously if it is cached.
   * @param writes whether the request has side effects: some identity services require a fresh check for those
   * @throws ApiFault as {@link Identity.authenticate}
   */
  authenticate(token: string, writes = false): Principal | Promise<Principal> {
    const key = keyOf(token);
    const now = this.clock.now();
    const refused = this.identity.refusedMs > 0 ? this.#refused.get(key) : undefined;
    if (refused && now < refused.until) throw new ApiFault(refused.kind);
    // Never joins a look-up that began before the revocation.
    if (writes && this.identity.revalidatesWrites) return this.#cache.lookUp(key, token);
    return this.#cache.get(key, token);
  }

  /** Removes a token, e.g. after its revocation, in every encoding of its signature. */
  forget(token: string): void {
    const { content } = partsOf(token);
    this.#cache.forgetWhere((key) => key.startsWith(content));
  }

  /** Removes the tokens of a login session that has ended. */
  forgetSession(id: string): void {
    this.#cache.forgetValues(({ sessionId }) => sessionId === id);
  }

  /** Clears the cache after a change of roles. */
  forgetAll(): void {
    this.#cache.forgetAll();
  }

  private async verify(token: string): Promise<Principal> {
    try {
      return await this.identity.authenticate(token);
    } catch (error) {
      if (error instanceof ApiFault && (error.kind === 'token_invalid' || error.kind === 'token_expired')) {
        this.forget(token);
        if (this.identity.refusedMs > 0)
          this.#refused.set(keyOf(token), { kind: error.kind, until: this.clock.now() + this.identity.refusedMs });
      }
      throw error;
    }
  }
}

const keyOf = (token: string) => {
  const { content, signature } = partsOf(token);
  return content + signature;
};

/**
 * Hashes a token's signed content and its signature separately: an elliptic-curve signature has an equally valid twin (n − s), and both
 * belong to the same token. A token of another format is hashed as a whole.
 */
function partsOf(token: string): { content: string; signature: string } {
  const dot = token.lastIndexOf('.');
  const hashed = (text: string) => hash('sha256', text, 'base64url');
  return dot < 0
    ? { content: hashed(token), signature: '' }
    : { content: hashed(token.slice(0, dot)), signature: hashed(token.slice(dot)) };
}
