import type { Principal } from '../common/principal.js';
import { FRESH_MS } from './freshness.js';

/** Authenticates tokens: the embedded identity service, or an external one. Injected by this class. */
export abstract class Identity {
  /** How long a result is cached, milliseconds: the delay of a disabled user, a removed role or a revoked token. */
  readonly freshMs: number = FRESH_MS;
  /** How long a refusal is cached, milliseconds. */
  readonly refusedMs: number = 0;
  /** Whether requests with side effects bypass the cache. */
  readonly revalidatesWrites: boolean = false;

  /**
   * @param token from `X-Auth-Token`, unverified
   * @returns the principal, valid until {@link Principal.expiresAt}
   * @throws ApiFault `token_invalid`, `token_expired`, or `unavailable` when the look-up fails
   */
  abstract authenticate(token: string): Promise<Principal>;
}
