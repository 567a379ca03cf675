import type { Principal } from '../common/principal.js';
import { FRESH_MS } from './freshness.js';

/** Authenticates tokens, by the embedded identity service or an external one. This class is the injection token. */
export abstract class Identity {
  /** How long a result is cached, in milliseconds. Until then, a disabled user, a removed role or a revoked token may still be accepted. */
  readonly freshMs: number = FRESH_MS;
  /** How long a refusal is cached, in milliseconds. */
  readonly refusedMs: number = 0;
  /** Whether requests with side effects bypass the cache. */
  readonly revalidatesWrites: boolean = false;

  /**
   * @param token the value of `X-Auth-Token`, unverified
   * @returns the principal, valid until {@link Principal.expiresAt}
   * @throws ApiFault `token_invalid`, `token_expired`, or `unavailable` when the look-up fails
   */
  abstract authenticate(token: string): Promise<Principal>;
}
