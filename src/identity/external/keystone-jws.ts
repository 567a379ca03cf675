import type { KeyObject } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type JwsForm, readJwsHeader, readLifetime, readPublicKey, verifyJws } from '../../platform/auth/compact-jws.js';
import { ApiFault } from '../../platform/common/api-error.js';
import { type Clock, since } from '../../platform/common/clock.js';
import { ID_PATTERN } from '../../platform/common/ids.js';
import type { KeystoneJwsConfig } from '../../platform/config/identity-config.js';
import { KeystoneFailure } from './keystone-failure.js';

/** The only form of Keystone's JWS tokens: without a key id, with this type, signed with ES256. */
const FORM: JwsForm = { algorithms: ['ES256'], headers: new Set(['alg', 'typ']), types: new Set(['jwt']) };
const CURVE = 'prime256v1';
/** How long a key is used after its file was removed. */
const KEYS_FRESH_MS = 60_000;
/** Minimum time between reloads of the folder that tokens without a matching key cause. */
const LOOK_AGAIN_MS = 10_000;

/**
 * The claims of a token that may be accepted without asking Keystone. Not among them are claims that restrict a token to fewer rights than
 * the user has (trusts, application credentials, OAuth consumers, certificates), and claims that were added after Keystone 22.
 */
const OFFLINE_CLAIMS = new Set([
  'sub',
  'iat',
  'exp',
  'openstack_methods',
  'openstack_audit_ids',
  'openstack_project_id',
  'openstack_domain_id',
  'openstack_system',
  'openstack_idp_id',
  'openstack_protocol_id',
  'openstack_group_ids',
]);

/** What the token itself states. It contains no roles, and nothing that happened after it was issued. */
export interface KeystoneClaims {
  userId: string;
  /** Absent: the token is scoped to a domain, to the system, or not at all. */
  projectId?: string;
  /** Unix time in milliseconds. */
  expiresAt: number;
}

/** Whether a token has the format of Keystone's JWS provider. Fernet tokens contain no dots. */
export const isJws = (token: string): boolean => token.split('.', 4).length === 3;

/** Keystone's JWS tokens (`[token] provider = jws`), verified with the public keys of a folder. */
export class KeystoneJws {
  #keys: readonly KeyObject[] = [];
  #readAt = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly config: KeystoneJwsConfig,
    private readonly clock: Clock,
  ) {}

  /** Reads the keys. @throws Error with advice for the operator when a file is not a public key of the type that Keystone uses */
  load(): void {
    this.#keys = this.files().map((file) => keyIn(file));
    this.#readAt = this.clock.now();
  }

  /**
   * Checks that Keystone has signed the token and that it has not expired.
   * @throws ApiFault `token_expired` or `token_invalid`
   * @throws KeystoneFailure when the keys cannot be read any more
   */
  verify(token: string): KeystoneClaims {
    return claimsOf(this.payload(token), this.clock.now(), Number.POSITIVE_INFINITY);
  }

  /** As {@link verify}, for use without asking Keystone. Accepts only tokens whose claims are all in {@link OFFLINE_CLAIMS}. */
  verifyAlone(token: string): KeystoneClaims {
    const payload = this.payload(token);
    if (!Object.keys(payload).every((claim) => OFFLINE_CLAIMS.has(claim))) throw new ApiFault('token_invalid');
    return claimsOf(payload, this.clock.now(), this.config.maxLifeMs);
  }

  private payload(token: string): Record<string, unknown> {
    const header = readJwsHeader(token, FORM);
    const now = this.clock.now();
    if (since(this.#readAt, now) >= KEYS_FRESH_MS) this.reload(now);
    const byAny = () => {
      for (const key of this.#keys) {
        try {
          return verifyJws(token, key, header, now);
        } catch (error) {
          // The signature was valid.
          if (error instanceof ApiFault && error.kind === 'token_expired') throw error;
        }
      }
      return undefined;
    };
    const payload = byAny();
    if (payload) return payload;
    if (since(this.#readAt, now) < LOOK_AGAIN_MS) throw new ApiFault('token_invalid');
    this.reload(now);
    const afresh = byAny();
    if (!afresh) throw new ApiFault('token_invalid');
    return afresh;
  }

  /** Reads the keys again. Skips a file that is being written or is not a key, so that the others work. */
  private reload(now: number): void {
    const keys: KeyObject[] = [];
    for (const file of this.files()) {
      try {
        keys.push(keyIn(file));
      } catch {
        continue;
      }
    }
    this.#keys = keys;
    this.#readAt = now;
  }

  private files(): string[] {
    const { publicKeys } = this.config;
    try {
      return readdirSync(publicKeys)
        .filter((name) => name.endsWith('.pem'))
        .map((name) => join(publicKeys, name));
    } catch (error) {
      throw new KeystoneFailure(
        `the folder of Keystone's public keys cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`,
      );
    }
  }
}

function keyIn(file: string): KeyObject {
  try {
    const key = readPublicKey(readFileSync(file, 'utf8'));
    if (key.asymmetricKeyDetails?.namedCurve !== CURVE) throw new Error('the key must be on the curve P-256');
    return key;
  } catch (error) {
    throw new Error(`${file} (keystone.jws.public_keys) must contain a public key of Keystone: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

function claimsOf(payload: Record<string, unknown>, now: number, maxLifeMs: number): KeystoneClaims {
  const { sub, openstack_project_id: project } = payload;
  if (!isId(sub) || (project !== undefined && !isId(project))) throw new ApiFault('token_invalid');
  const { expiresAt } = readLifetime(payload, now, maxLifeMs);
  return { userId: sub, ...(project !== undefined && { projectId: project }), expiresAt };
}

const isId = (value: unknown): value is string => typeof value === 'string' && ID_PATTERN.test(value);
