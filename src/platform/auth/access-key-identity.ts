import type { Principal } from '../common/principal.js';
import type { ReadyKey } from '#signing/schemes.js';

/** A valid access key (AK/SK), ready to verify signatures. Only the keys contain its secret. */
export interface AccessKey {
  id: string;
  /** One per signature format. */
  keys: readonly ReadyKey[];
}

/** Looks up access keys and their owners. Injected by this class; absent with an external identity service. */
export abstract class AccessKeyIdentity {
  /**
   * @param id from the Authorization header, unverified
   * @param securityToken `X-Security-Token`, sent with temporary keys
   * @returns synchronously if cached; undefined when the key is unknown, disabled or expired, or its user is disabled
   * @throws ApiFault `unavailable` when the look-up fails
   */
  abstract find(id: string, securityToken: string | undefined): AccessKey | undefined | Promise<AccessKey | undefined>;

  /**
   * The principal of a key.
   * @param projectId the project to act in; undefined: the user's domain
   * @throws ApiFault `forbidden` for an unknown project, or one in which the user has no role
   */
  abstract principal(key: AccessKey, projectId: string | undefined): Principal | Promise<Principal>;
}
