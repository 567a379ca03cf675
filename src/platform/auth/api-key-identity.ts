import type { Principal } from '../common/principal.js';

/** Authenticates API keys. This class is the injection token. */
export abstract class ApiKeyIdentity {
  /**
   * @param key the text after `Bearer`, unverified
   * @param address the caller's address
   * @returns the principal of the key's project. It is read from the database with every call, so every process refuses a revoked key at
   * once
   * @throws ApiFault `token_invalid`; `rate_limited` after too many failures from the address; `unavailable` when the look-up fails
   */
  abstract authenticate(key: string, address: string): Promise<Principal>;
}
