import { hash } from 'node:crypto';
import { Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { type AccessKey, AccessKeyIdentity } from '../../platform/auth/access-key-identity.js';
import { MACHINES_FRESH_MS } from '../../platform/auth/freshness.js';
import { RevocableCache } from '../../platform/auth/revocable-cache.js';
import { keysOf } from '../../platform/auth/signed-requests.js';
import { ChangeFeed } from '../../platform/changes/change-feed.js';
import { ApiFault } from '../../platform/common/api-error.js';
import { Clock } from '../../platform/common/clock.js';
import type { Principal } from '../../platform/common/principal.js';
import { Database } from '../../platform/database/database.js';
import { columnsOf, type RowOf } from '../../platform/database/columns.js';
import { proof } from '../../platform/vault/mac-tables.js';
import { RowMacs } from '../../platform/vault/row-macs.js';
import { DecryptionFailed } from '../../platform/vault/sealed.js';
import { ACCESS_KEY, AccessKeySecrets } from './access-key-secrets.js';
import { Directory, type UserRow } from './directory.js';
import { StoredAccessKey } from './access-key.entity.js';

const KEY = columnsOf(StoredAccessKey, 'k').pick('userId', 'secretKey', 'enabled');

const KNOWN_MAX = 10_000;

interface KnownKey extends AccessKey {
  user: UserRow;
  expiresAt: number;
  /** The principals by the id of the project; '' for the domain. */
  principals: Map<string, Principal>;
}

interface Presented {
  id: string;
  securityToken: string | undefined;
}

/**
 * Authenticates access keys of the embedded identity service: stored keys, and temporary keys, which are sent with a security token.
 * Results are cached for five seconds, in a cache of limited size. A change notice clears the cache at once.
 *
 * Guarantees: A changed access key applies at once in the process that changed it, and within `MACHINES_FRESH_MS` in every other.
 * Condition: Every change of access keys sends a notice with the scope of its domain. With Redis, the notice also reaches all other
 * processes at once.
 * Degrades: Without Redis, only the time limit applies. While the database fails, a request with a key that has no fresh entry is answered
 * with an error.
 */
@Injectable()
export class StoredAccessKeys extends AccessKeyIdentity implements OnModuleDestroy {
  readonly #logger = new Logger(StoredAccessKeys.name);
  /** The value is undefined for an id that is unknown or invalid. */
  readonly #cache: RevocableCache<KnownKey | undefined, Presented>;
  readonly #domains = new Set<string>();
  readonly #unsubscribe: () => void;

  constructor(
    private readonly database: Database,
    private readonly directory: Directory,
    private readonly secrets: AccessKeySecrets,
    private readonly macs: RowMacs,
    private readonly clock: Clock,
    feed: ChangeFeed,
  ) {
    super();
    this.#cache = new RevocableCache({
      max: KNOWN_MAX,
      clock,
      freshMs: () => MACHINES_FRESH_MS,
      endsAt: (key) => key?.expiresAt ?? Infinity,
      lookUp: ({ id, securityToken }) => (securityToken === undefined ? this.permanent(id) : this.temporary(id, securityToken)),
    });
    // Access keys are written in the scope of the user's domain. Notices come from this process, and with Redis from others too.
    this.#unsubscribe = feed.subscribe(({ scope }) => {
      if (scope.kind === 'domain' && this.#domains.has(scope.id)) this.forget();
    });
  }

  onModuleDestroy(): void {
    this.#unsubscribe();
  }

  /** Clears the cache, because permissions have changed. */
  forget(): void {
    this.#cache.forgetAll();
  }

  find(id: string, securityToken: string | undefined): AccessKey | undefined | Promise<AccessKey | undefined> {
    if (!ACCESS_KEY.test(id)) return undefined;
    const at = securityToken === undefined ? id : `${id} ${hash('sha256', securityToken, 'base64url')}`;
    return this.#cache.get(at, { id, securityToken });
  }

  principal(key: AccessKey, projectId: string | undefined): Principal | Promise<Principal> {
    const known = key as KnownKey;
    return known.principals.get(projectId ?? '') ?? this.enter(known, projectId);
  }

  private async permanent(id: string): Promise<KnownKey | undefined> {
    const rows = await this.database.rows<RowOf<typeof KEY>>(
      `SELECT ${KEY.select}, ${proof('access_keys', 'k')}
       FROM access_keys k WHERE k.access_key = ?`,
      [id],
    );
    const row = await this.macs.one(this.database, rows, { k: 'access_keys' });
    const user = row && (await this.directory.userById(row.userId));
    if (!user) return undefined;
    this.#domains.add(user.domainId);
    if (row.enabled !== 1 || !user.enabled) return undefined;
    const secret = await this.secrets.open(id, row.userId, row.secretKey).catch((error: unknown) => {
      if (!(error instanceof DecryptionFailed)) throw error;
      this.#logger.error(`the secret of the access key ${id} was altered or moved: ${error.message}`);
    });
    if (secret === undefined) return undefined;
    return { id, keys: keysOf(id, secret), user, expiresAt: Infinity, principals: new Map() };
  }

  private async temporary(id: string, securityToken: string): Promise<KnownKey | undefined> {
    const held = await this.secrets.openTemporary(id, securityToken);
    if (!held || this.clock.now() >= held.expiresAt) return undefined;
    const user = await this.directory.userById(held.userId);
    if (!user?.enabled || held.issuedAt < user.tokensValidFrom || (await this.directory.isRevoked(held))) return undefined;
    return { id, keys: keysOf(id, held.secret), user, expiresAt: held.expiresAt, principals: new Map() };
  }

  private async enter(key: KnownKey, projectId: string | undefined): Promise<Principal> {
    const { user } = key;
    const membership = projectId === undefined ? undefined : await this.directory.membership(user.id, { id: projectId });
    if (projectId !== undefined && !membership) throw new ApiFault('forbidden');
    const principal: Principal = {
      userId: user.id,
      userName: user.name,
      domainId: user.domainId,
      domainName: user.domainName,
      ...(membership && { projectId: membership.project.id, projectName: membership.project.name }),
      roles: membership?.roles ?? (await this.directory.rolesInDomain(user.id, user.domainId)),
      accessKeyId: key.id,
      credentialHash: hash('sha256', key.id, 'hex').slice(0, 16),
      expiresAt: key.expiresAt,
    };
    key.principals.set(projectId ?? '', principal);
    return principal;
  }
}
