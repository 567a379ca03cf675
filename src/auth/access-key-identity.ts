import type { Principal } from '../common/principal.js';
import type { ReadyKey } from '../lib/signing/schemes.js';

/** An access key (AK/SK) that counts right now, ready to verify with. Its secret is in the keys and nowhere else. */
export interface AccessKey {
  id: string;
  /** One for each form of signature. */
  keys: readonly ReadyKey[];
  /** Milliseconds since the epoch until which every signature is refused, as some process found; 0 when it is not locked. */
  lockedUntil: number;
}

/** Whoever knows access keys and whose they are. Injected by this class; absent where an external identity service is asked. */
export abstract class AccessKeyIdentity {
  /**
   * @param id as it stands in the Authorization header, unverified
   * @param securityToken `X-Security-Token`, which comes with temporary keys
   * @returns at once when it is known; undefined when there is none, it is disabled, expired, or its user is disabled
   * @throws Fault `unavailable` when nobody can say
   */
  abstract find(id: string, securityToken: string | undefined): AccessKey | undefined | Promise<AccessKey | undefined>;

  /**
   * Who signs with the key.
   * @param projectId the project to act in; undefined: the user's domain
   * @throws Fault `forbidden` for a project that is not there or in which the user holds no role
   */
  abstract principal(key: AccessKey, projectId: string | undefined): Principal | Promise<Principal>;

  /** Lets the other processes know that the key is refused until then; must not throw. @param until milliseconds since the epoch */
  abstract lock(key: AccessKey, until: number): void;
}
