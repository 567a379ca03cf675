import type { KeyObject } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type JwsForm, readJwsHeader, readLifetime, readPublicKey, verifyJws } from '../auth/compact-jws.js';
import { Fault } from '../common/api-error.js';
import { type Clock, since } from '../common/clock.js';
import { ID_PATTERN } from '../common/ids.js';
import type { KeystoneJwsConfig } from '../config/identity-config.js';
import { KeystoneFailure } from './keystone-failure.js';

/** Keystone's tokens name no key, no type but this one, and are signed with nothing else. */
const FORM: JwsForm = { algorithms: ['ES256'], headers: new Set(['alg', 'typ']), types: new Set(['jwt']) };
const CURVE = 'prime256v1';
/** A key whose file was taken away verifies nothing after this long. */
const KEYS_FRESH_MS = 60_000;
/** A token that no key verifies makes us look into the folder again, but not more often than this. */
const LOOK_AGAIN_MS = 10_000;

/**
 * What may stand in a token that Keystone is not asked about. Not in the list are those that give less than the user has: trusts,
 * application credentials, OAuth consumers, certificates; and whatever comes after Keystone 22.
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

/** What a token says by itself: no roles, and nothing of what happened since. */
export interface KeystoneClaims {
  userId: string;
  /** Absent: scoped to a domain, to the system, or to nothing. */
  projectId?: string;
  /** Milliseconds since the epoch. */
  expiresAt: number;
}

/** Whether a token has the form that Keystone's JWS provider gives it; Fernet tokens have no dots. */
export const isJws = (token: string): boolean => token.split('.', 4).length === 3;

/** Keystone's JWS tokens (its `[token] provider = jws`), verified with the public keys of its folder. */
export class KeystoneJws {
  #keys: readonly KeyObject[] = [];
  #readAt = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly config: KeystoneJwsConfig,
    private readonly clock: Clock,
  ) {}

  /** Reads the keys. @throws Error in the operator's words when one of the files is no public key of Keystone's kind */
  load(): void {
    this.#keys = this.files().map((file) => keyIn(file));
    this.#readAt = this.clock.now();
  }

  /**
   * Whether Keystone signed the token, and it has not expired.
   * @throws Fault `token_expired` or `token_invalid`
   * @throws KeystoneFailure when the keys cannot be read any more
   */
  verify(token: string): KeystoneClaims {
    return claimsOf(this.payload(token), this.clock.now(), Number.POSITIVE_INFINITY);
  }

  /** As {@link verify}, where nobody is asked afterwards: only for what is wholly in the token. */
  verifyAlone(token: string): KeystoneClaims {
    const payload = this.payload(token);
    if (!Object.keys(payload).every((claim) => OFFLINE_CLAIMS.has(claim))) throw new Fault('token_invalid');
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
          // Its signature was good.
          if (error instanceof Fault && error.kind === 'token_expired') throw error;
        }
      }
      return undefined;
    };
    const payload = byAny();
    if (payload) return payload;
    if (since(this.#readAt, now) < LOOK_AGAIN_MS) throw new Fault('token_invalid');
    this.reload(now);
    const afresh = byAny();
    if (!afresh) throw new Fault('token_invalid');
    return afresh;
  }

  /** A file that is being written, or is none of Keystone's, does not keep the others out. */
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
    if (key.asymmetricKeyDetails?.namedCurve !== CURVE) throw new Error('the key is not of the curve P-256');
    return key;
  } catch (error) {
    throw new Error(`${file} (keystone.jws.public_keys) holds no public key of Keystone's: ${(error as Error).message}`, { cause: error });
  }
}

function claimsOf(payload: Record<string, unknown>, now: number, maxLifeMs: number): KeystoneClaims {
  const { sub, openstack_project_id: project } = payload;
  if (!isId(sub) || (project !== undefined && !isId(project))) throw new Fault('token_invalid');
  const { expiresAt } = readLifetime(payload, now, maxLifeMs);
  return { userId: sub, ...(project !== undefined && { projectId: project }), expiresAt };
}

const isId = (value: unknown): value is string => typeof value === 'string' && ID_PATTERN.test(value);
