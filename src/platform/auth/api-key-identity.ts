import type { Principal } from '../common/principal.js';

/** Authenticates API keys. Injected by this class. */
export abstract class ApiKeyIdentity {
  /**
   * @param key as sent after `Bearer`, unverified
   * @param address of the caller
   * @returns its project's principal, read from the database: every process refuses a revoked key at once
   * @throws ApiFault `token_invalid`; `rate_limited` after too many failures from the address; `unavailable` when the look-up fails
   */
  abstract authenticate(key: string, address: string): Promise<Principal>;
}
