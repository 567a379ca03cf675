import { createHmac, createSecretKey, hash, type KeyObject, randomBytes, randomInt } from 'node:crypto';
import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { AuditService } from '../audit/audit.service.js';
import { Actions } from '../auth/actions.js';
import { ApiKeyIdentity } from '../auth/api-key-identity.js';
import { Permissions } from '../auth/permissions.js';
import { ChangesService } from '../changes/changes.service.js';
import { Fault } from '../common/api-error.js';
import { Clock, toMilliseconds } from '../common/clock.js';
import { newId } from '../common/ids.js';
import type { ApiKeyMode, Caller, Principal } from '../common/principal.js';
import type { ProjectScope } from '../common/scope.js';
import { Database } from '../database/database.js';
import { SharedReads } from '../database/shared-reads.js';
import { networkOf } from '../edge/address.js';
import { Quotas } from '../edge/quotas.service.js';
import { isOperator } from '../projects/operator.js';
import { inProject } from '../projects/projects.service.js';
import { type SecretPlace, toColumn } from '../vault/sealed.js';
import { VaultService } from '../vault/vault.service.js';
import type { ApiKey } from './api-key.entity.js';
import { type ApiKeyInput, type ListedApiKeyView, type NewApiKeyView, toView } from './api-keys.dto.js';
import { ApiKeyNotFound } from './endpoints.errors.js';
import { LastUsed } from './last-used.js';

/** What a key looks like; anything else is nobody's and needs no look-up. */
const API_KEY = /^hb_(?:live|test)_[A-Za-z0-9]{32}$/;
const API_KEY_ID = /^key_[a-f0-9]{32}$/;
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
/** 32 of 62 letters are 190 random bits: nobody finds a key by trying, so a fast hash is enough. */
const RANDOM_CHARS = 32;
const PREFIX_CHARS = 11;
/** The pepper belongs to no project; no project can have this id (common/ids.ts). */
const BOX = 'api-keys';
const PEPPER_ID = 'primary';
const UNIQUE_PEPPER = { name: 'PRIMARY', columns: 'api_key_peppers.id' };
const PEPPER_PLACE: SecretPlace = { projectId: BOX, field: 'api_key_peppers.pepper', rowId: PEPPER_ID, version: 1 };

interface KnownKey {
  id: string;
  label: string | null;
  prefix: string;
  mode: ApiKeyMode;
  projectId: string;
  projectName: string;
  domainId: string;
  lastUsedAt: number | null;
}

/** API keys of projects: made, listed, revoked, recognised (endpoints §1.9). */
@Injectable()
export class ApiKeysService extends ApiKeyIdentity implements OnModuleDestroy {
  #pepper: Promise<KeyObject> | undefined;
  readonly #reads = new SharedReads<KnownKey | undefined>();
  readonly #lastUsed: LastUsed;

  constructor(
    private readonly database: Database,
    private readonly changes: ChangesService,
    private readonly audit: AuditService,
    private readonly vault: VaultService,
    private readonly clock: Clock,
    private readonly quotas: Quotas,
    private readonly permissions: Permissions,
    private readonly actions: Actions,
  ) {
    super();
    this.#lastUsed = new LastUsed(database, 'api_keys');
  }

  async onModuleDestroy(): Promise<void> {
    await this.#lastUsed.settle();
  }

  /**
   * Makes a key; it is in this answer and nowhere else.
   * @throws Fault `forbidden` for a person who may not do all that the key may (docs/adr/0022)
   */
  async create(scope: ProjectScope, input: ApiKeyInput, caller: Caller): Promise<NewApiKeyView> {
    await this.assertHeld(caller);
    const mode = input.mode ?? 'live';
    const label = input.label ?? null;
    const key = `hb_${mode}_${Array.from({ length: RANDOM_CHARS }, () => ALPHABET[randomInt(ALPHABET.length)]).join('')}`;
    const prefix = key.slice(0, PREFIX_CHARS);
    const keyHash = await this.hashOf(key);
    const id = `key_${newId()}`;
    return this.changes.write(inProject(scope), async (write) => {
      await write.run(
        `INSERT INTO api_keys (id, project_id, label, mode, prefix, key_hash, created_by, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
        [id, scope.projectId, label, mode, prefix, keyHash, caller.principal.userId, write.now],
      );
      const entry = { action: 'CreateApiKey', resourceType: 'ApiKey', resourceId: id, detail: { mode, prefix } };
      await this.audit.record(write, caller, { ...entry, ...(label && { resourceName: label }) });
      write.change('api_key', id, 'created');
      return { ...toView({ id, label, prefix, createdAt: write.now }), key };
    });
  }

  private async assertHeld(caller: Caller): Promise<void> {
    if (caller.principal.apiKeyMode !== undefined || isOperator(caller)) return;
    const held = await this.permissions.of(caller.principal);
    if (!held.covers('webhooks:*:*', this.actions.all)) throw new Fault('forbidden');
  }

  /** A project's keys, newest first; never the keys themselves. */
  async list({ projectId }: ProjectScope): Promise<ListedApiKeyView[]> {
    const sql = `SELECT id, label, prefix, created_at AS createdAt, last_used_at AS lastUsedAt FROM api_keys WHERE project_id = ?
      ORDER BY id DESC`;
    const rows = await this.database.rows<ApiKey>(sql, [projectId]);
    return rows.map((row) => ({ ...toView(row), last_used_at: row.lastUsedAt === null ? null : toMilliseconds(row.lastUsedAt) }));
  }

  /** Revokes a key: the next request with it is refused, by every process. @throws ApiKeyNotFound */
  async delete(scope: ProjectScope, keyId: string, caller: Caller): Promise<void> {
    if (!API_KEY_ID.test(keyId)) throw new ApiKeyNotFound();
    await this.changes.write(inProject(scope), async (write) => {
      const sql = 'SELECT label, mode, prefix FROM api_keys WHERE id = ? AND project_id = ?';
      const [key] = await write.rows<Pick<ApiKey, 'label' | 'mode' | 'prefix'>>(sql, [keyId, scope.projectId]);
      if (!key) throw new ApiKeyNotFound();
      await write.run('DELETE FROM api_keys WHERE id = ?', [keyId]);
      const entry = { action: 'DeleteApiKey', resourceType: 'ApiKey', resourceId: keyId, detail: { mode: key.mode, prefix: key.prefix } };
      await this.audit.record(write, caller, { ...entry, ...(key.label && { resourceName: key.label }) });
      write.change('api_key', keyId, 'deleted');
    });
  }

  async authenticate(key: string, address: string): Promise<Principal> {
    if (!API_KEY.test(key)) return this.refuse(address);
    const keyHash = await this.hashOf(key);
    const known = await this.#reads.read(keyHash, () => this.lookUp(keyHash));
    if (!known) return this.refuse(address);
    this.#lastUsed.note(known.id, this.clock.now(), known.lastUsedAt);
    return {
      userId: known.id,
      userName: known.label ?? known.prefix,
      domainId: known.domainId,
      domainName: '',
      projectId: known.projectId,
      projectName: known.projectName,
      roles: [],
      credentialHash: hash('sha256', key, 'hex').slice(0, 16),
      expiresAt: Number.MAX_SAFE_INTEGER,
      apiKeyMode: known.mode,
    };
  }

  /**
   * Only wrong keys are counted, and only they are refused for it: nobody finds a right one by trying, and whoever has one must not be
   * locked out by others behind the same address (endpoints §1.2).
   */
  private async refuse(address: string): Promise<never> {
    const standing = await this.quotas.apiKeysOfAddress?.take(networkOf(address));
    if (standing?.allowed === false) throw new Fault('rate_limited', { retryAfterSeconds: standing.resetSeconds });
    throw new Fault('token_invalid');
  }

  private async lookUp(keyHash: string): Promise<KnownKey | undefined> {
    const sql = `SELECT k.id, k.label, k.prefix, k.mode, k.project_id AS projectId, k.last_used_at AS lastUsedAt, p.name AS projectName,
        p.domain_id AS domainId
      FROM api_keys k JOIN projects p ON p.id = k.project_id WHERE k.key_hash = ? AND p.enabled = 1`;
    const [known] = await this.database.rows<KnownKey>(sql, [keyHash]);
    return known;
  }

  private async hashOf(key: string): Promise<string> {
    this.#pepper ??= this.pepper().catch((error: unknown) => {
      this.#pepper = undefined;
      throw error;
    });
    return createHmac('sha256', await this.#pepper)
      .update(key)
      .digest('hex');
  }

  /** The pepper, made when there is none. Several processes may do so at once: one row goes in, all read it. */
  private async pepper(): Promise<KeyObject> {
    const sql = 'SELECT pepper FROM api_key_peppers WHERE id = ?';
    const read = () => this.database.rows<{ pepper: string }>(sql, [PEPPER_ID]);
    let [row] = await read();
    if (!row) {
      const sealed = toColumn((await this.vault.box(BOX)).seal(PEPPER_PLACE, randomBytes(32).toString('base64')));
      const insert = 'INSERT INTO api_key_peppers (id, pepper) VALUES (?, ?)';
      await this.database.insertOnce((tx) => tx.run(insert, [PEPPER_ID, sealed]), UNIQUE_PEPPER);
      [row] = await read();
    }
    if (!row) throw new Error('the pepper vanished as soon as it was made');
    return createSecretKey(Buffer.from(await this.vault.open(PEPPER_PLACE, row.pepper), 'base64'));
  }
}
