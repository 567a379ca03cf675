import type { Principal } from '../common/principal.js';
import type { ReadyKey } from '#signing/schemes.js';

/** A valid access key (AK/SK), prepared to verify signatures. Its secret is only in `keys`. */
export interface AccessKey {
  id: string;
  /** One key per signature format. */
  keys: readonly ReadyKey[];
}

/**
 * Looks up access keys and their owners. This class is the injection token. It has no implementation when an external identity service is
 * used.
 */
export abstract class AccessKeyIdentity {
  /**
   * @param id the id in the Authorization header, unverified
   * @param securityToken `X-Security-Token`, sent with temporary keys
   * @returns the key, synchronously if it is cached; undefined when the key is unknown, disabled or expired, or its user is disabled
   * @throws ApiFault `unavailable` when the look-up fails
   */
  abstract find(id: string, securityToken: string | undefined): AccessKey | undefined | Promise<AccessKey | undefined>;

  /**
   * Returns the principal of a key.
   * @param projectId the project to act in; undefined: the domain of the user
   * @throws ApiFault `forbidden` for an unknown project and for one in which the user has no role
   */
  abstract principal(key: AccessKey, projectId: string | undefined): Principal | Promise<Principal>;
}
