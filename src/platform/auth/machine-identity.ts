import type { Machine } from '../common/principal.js';

/** Authenticates machine credentials. Injected by this class. */
export abstract class MachineIdentity {
  /**
   * @param token as sent after `Bearer`, unverified
   * @returns synchronously if cached
   * @throws ApiFault `token_invalid`, or `unavailable` when the look-up fails
   */
  abstract authenticate(token: string): Machine | Promise<Machine>;
}
