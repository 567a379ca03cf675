import type { Principal } from '../common/principal.js';

/**
 * Whoever can tell what a token proves: the embedded identity service, or an external one. Injected by this class.
 */
export abstract class Identity {
  /**
   * @param token as it came in `X-Auth-Token`, unverified
   * @returns who it is, for as long as {@link Principal.expiresAt} says
   * @throws Fault `token_invalid`, `token_expired`, or `unavailable` when nobody can say
   */
  abstract authenticate(token: string): Promise<Principal>;
}
