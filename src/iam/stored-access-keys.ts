import { hash } from 'node:crypto';
import { Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { type AccessKey, AccessKeyIdentity } from '../auth/access-key-identity.js';
import { keysOf } from '../auth/signed-requests.js';
import { ChangeFeed } from '../changes/change-feed.js';
import { Fault } from '../common/api-error.js';
import { Clock } from '../common/clock.js';
import type { Principal } from '../common/principal.js';
import { Database } from '../database/database.js';
import { SealBroken } from '../vault/sealed.js';
import { ACCESS_KEY, AccessKeySecrets } from './access-key-secrets.js';
import { Directory, type UserRow } from './directory.js';

const KNOWN_MAX = 10_000;
/** A key that was disabled in another process, a disabled user and a removed role stop counting here within this time. */
export const ACCESS_KEY_FRESH_MS = 5_000;

interface KnownKey extends AccessKey {
  user: UserRow;
  expiresAt: number;
  /** By project; '' for the domain. */
  principals: Map<string, Principal>;
}

interface Known {
  /** Undefined for an id that is unknown or does not count. */
  key: KnownKey | undefined;
  until: number;
}

/**
 * Access keys of the embedded identity service: those in the table, and temporary ones, which their security token brings along.
 * What was read is kept for five seconds, bounded in number; a change of keys that is announced is noticed at once.
 */
@Injectable()
export class StoredAccessKeys extends AccessKeyIdentity implements OnModuleDestroy {
  readonly #logger = new Logger(StoredAccessKeys.name);
  readonly #known = new LRUCache<string, Known>({ max: KNOWN_MAX });
  readonly #underway = new Map<string, Promise<KnownKey | undefined>>();
  /** Counts changes, so that a look-up begun before one does not outlive it in memory. */
  #changes = 0;
  readonly #domains = new Set<string>();
  readonly #unsubscribe: () => void;

  constructor(
    private readonly database: Database,
    private readonly directory: Directory,
    private readonly secrets: AccessKeySecrets,
    private readonly clock: Clock,
    feed: ChangeFeed,
  ) {
    super();
    // Writes of access keys are in the scope of the user's domain: those of this process, and of others where there is Redis.
    this.#unsubscribe = feed.subscribe(({ scopeId }) => {
      if (this.#domains.has(scopeId)) this.forget();
    });
  }

  onModuleDestroy(): void {
    this.#unsubscribe();
  }

  /** Forgets what was read: who may do what has changed. */
  forget(): void {
    this.#changes++;
    this.#known.clear();
  }

  find(id: string, securityToken: string | undefined): AccessKey | undefined | Promise<AccessKey | undefined> {
    if (!ACCESS_KEY.test(id)) return undefined;
    const at = securityToken === undefined ? id : `${id} ${hash('sha256', securityToken, 'base64url')}`;
    const known = this.#known.get(at);
    if (known && this.clock.now() < known.until) return known.key;
    return this.#underway.get(at) ?? this.lookUp(at, id, securityToken);
  }

  principal(key: AccessKey, projectId: string | undefined): Principal | Promise<Principal> {
    const known = key as KnownKey;
    return known.principals.get(projectId ?? '') ?? this.enter(known, projectId);
  }

  /** Tells the other processes: one statement for a key in five minutes, however many bad requests come. A temporary key has no row. */
  lock(key: AccessKey, until: number): void {
    this.#logger.warn(`the access key ${key.id} is locked for five minutes after too many bad signatures`);
    const sql = 'UPDATE access_keys SET locked_until = ? WHERE access_key = ? AND locked_until < ?';
    this.database
      .transaction((tx) => tx.run(sql, [until, key.id, until]))
      .catch((error: unknown) => this.#logger.error({ err: error }, `the lock of the access key ${key.id} is known to this process alone`));
  }

  private lookUp(at: string, id: string, securityToken: string | undefined): Promise<KnownKey | undefined> {
    const changes = this.#changes;
    const found = (securityToken === undefined ? this.permanent(id) : this.temporary(id, securityToken))
      .then((key) => {
        const now = this.clock.now();
        if (changes === this.#changes) this.#known.set(at, { key, until: Math.min(now + ACCESS_KEY_FRESH_MS, key?.expiresAt ?? Infinity) });
        return key;
      })
      .finally(() => this.#underway.delete(at));
    this.#underway.set(at, found);
    return found;
  }

  private async permanent(id: string): Promise<KnownKey | undefined> {
    const [row] = await this.database.rows<{ userId: string; secretKey: string; enabled: number; lockedUntil: number }>(
      `SELECT user_id AS userId, secret_key AS secretKey, enabled, locked_until AS lockedUntil FROM access_keys WHERE access_key = ?`,
      [id],
    );
    const user = row && (await this.directory.userById(row.userId));
    if (!user) return undefined;
    this.#domains.add(user.domainId);
    if (row.enabled !== 1 || !user.enabled) return undefined;
    const secret = await this.secrets.open(id, row.secretKey).catch((error: unknown) => {
      if (!(error instanceof SealBroken)) throw error;
      this.#logger.error(`the secret of the access key ${id} was altered, or is not its own: ${error.message}`);
    });
    if (secret === undefined) return undefined;
    return { id, keys: keysOf(id, secret), lockedUntil: row.lockedUntil, user, expiresAt: Infinity, principals: new Map() };
  }

  private async temporary(id: string, securityToken: string): Promise<KnownKey | undefined> {
    const held = await this.secrets.openTemporary(id, securityToken);
    if (!held || this.clock.now() >= held.expiresAt) return undefined;
    const user = await this.directory.userById(held.userId);
    if (!user?.enabled || held.issuedAt < user.tokensValidFrom || (await this.directory.isRevoked(held.tokenId))) return undefined;
    return { id, keys: keysOf(id, held.secret), lockedUntil: 0, user, expiresAt: held.expiresAt, principals: new Map() };
  }

  private async enter(key: KnownKey, projectId: string | undefined): Promise<Principal> {
    const { user } = key;
    const membership = projectId === undefined ? undefined : await this.directory.membership(user.id, { id: projectId });
    if (projectId !== undefined && !membership) throw new Fault('forbidden');
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
