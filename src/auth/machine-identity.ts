import type { Machine } from '../common/principal.js';

/** Whoever can tell what a machine's credential proves. Injected by this class. */
export abstract class MachineIdentity {
  /**
   * @param token as it came after `Bearer`, unverified
   * @returns the machine at once when it is known, else a promise of it
   * @throws Fault `token_invalid`, or `unavailable` when nobody can say
   */
  abstract authenticate(token: string): Machine | Promise<Machine>;
}
