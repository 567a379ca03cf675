import type { Principal } from '../common/principal.js';

/** Whoever can tell what an API key proves. Injected by this class. */
export abstract class ApiKeyIdentity {
  /**
   * @param key as it came after `Bearer`, unverified
   * @param address of the caller
   * @returns its project's caller, as the database says now: a revoked key is refused by every process at once
   * @throws Fault `token_invalid`; `rate_limited` in its place for an address that was wrong too often; `unavailable` when nobody can say
   */
  abstract authenticate(key: string, address: string): Promise<Principal>;
}
