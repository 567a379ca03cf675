import type { Principal } from '../common/principal.js';

/**
 * Whoever can tell what a token proves: the embedded identity service, or an external one. Injected by this class.
 */
export abstract class Identity {
  /** How long what a token proved is taken to be true, milliseconds: a disabled user, a removed role or a revoked token counts that long. */
  readonly freshMs: number = 30_000;
  /** How long a refusal stands without being asked for again, milliseconds. */
  readonly refusedMs: number = 0;
  /** Whether a request that changes something asks again, whatever is known. */
  readonly revalidatesWrites: boolean = false;

  /**
   * @param token as it came in `X-Auth-Token`, unverified
   * @returns who it is, for as long as {@link Principal.expiresAt} says
   * @throws Fault `token_invalid`, `token_expired`, or `unavailable` when nobody can say
   */
  abstract authenticate(token: string): Promise<Principal>;
}
