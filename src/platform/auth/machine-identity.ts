import type { Machine } from '../common/principal.js';

/** Authenticates machine credentials. This class is the injection token. */
export abstract class MachineIdentity {
  /**
   * @param token the text after `Bearer`, unverified
   * @returns the machine, synchronously if it is cached
   * @throws ApiFault `token_invalid`, or `unavailable` when the look-up fails
   */
  abstract authenticate(token: string): Machine | Promise<Machine>;
}
