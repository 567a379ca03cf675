import { hash, randomInt } from 'node:crypto';
import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { AuditService } from '../../platform/audit/audit.service.js';
import { Actions } from '../../platform/auth/actions.js';
import { ApiKeyIdentity } from '../../platform/auth/api-key-identity.js';
import { Permissions } from '../../platform/auth/permissions.js';
import { ChangesService } from '../../platform/changes/changes.service.js';
import { ApiFault } from '../../platform/common/api-error.js';
import { Clock, toMilliseconds } from '../../platform/common/clock.js';
import { newId } from '../../platform/common/ids.js';
import type { Caller, Principal } from '../../platform/common/principal.js';
import type { ProjectScope } from '../../platform/common/scope.js';
import { Database } from '../../platform/database/database.js';
import { ReadBatcher } from '../../platform/database/read-batcher.js';
import { columnsOf, type RowOf } from '../../platform/database/columns.js';
import { networkOf } from '../../platform/common/address.js';
import { RateLimits } from '../../platform/edge/rate-limits.service.js';
import { isOperator } from '../../identity/projects/operator.js';
import { inProject } from '../../identity/projects/projects.service.js';
import { Project } from '../../identity/projects/project.entity.js';
import { proof } from '../../platform/vault/mac-tables.js';
import { RowMacs } from '../../platform/vault/row-macs.js';
import { ApiKey } from './api-key.entity.js';
import { type ApiKeyInput, type ListedApiKeyView, type NewApiKeyView, toView } from './api-keys.dto.js';
import { ApiKeyNotFound } from './api-keys.errors.js';
import { LastUsed } from '../../platform/auth/last-used.js';
import { Pepper } from './pepper.js';

/** Format of a key. Any other text is refused without a look-up. */
const API_KEY = /^hb_(?:live|test)_[A-Za-z0-9]{32}$/;
const API_KEY_ID = /^key_[a-f0-9]{32}$/;
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
/** 32 characters contain 190 random bits, which cannot be guessed. So a fast hash suffices. */
const RANDOM_CHARS = 32;
const PREFIX_CHARS = 11;

const LISTED = columnsOf(ApiKey).pick('id', 'label', 'prefix', 'parentId', 'createdAt', 'lastUsedAt');
const OF_FAMILY = columnsOf(ApiKey).pick('id', 'label', 'mode', 'prefix', 'parentId');
const KNOWN = columnsOf(ApiKey, 'k').pick('id', 'label', 'prefix', 'mode', 'projectId', 'lastUsedAt');
const OF_PROJECT = columnsOf(Project, 'p').pick({ projectName: 'name' }, 'domainId');

interface KnownKey extends RowOf<typeof KNOWN>, RowOf<typeof OF_PROJECT> {}

/** Creates, lists, revokes and authenticates API keys (docs/contracts/endpoints.md §1.9). */
@Injectable()
export class ApiKeysService extends ApiKeyIdentity implements OnModuleDestroy {
  readonly #reads = new ReadBatcher<KnownKey | undefined>();
  readonly #lastUsed: LastUsed;

  constructor(
    private readonly database: Database,
    private readonly changes: ChangesService,
    private readonly audit: AuditService,
    private readonly pepper: Pepper,
    private readonly macs: RowMacs,
    private readonly clock: Clock,
    private readonly quotas: RateLimits,
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
   * Creates a key, which only this response contains. If another key created it, the new key is a child of that key and is revoked together
   * with it.
   * @throws ApiFault `forbidden` if the caller lacks a permission that the key has (docs/adr/0022)
   */
  async create(scope: ProjectScope, input: ApiKeyInput, caller: Caller): Promise<NewApiKeyView> {
    await this.assertMayGrant(caller);
    const mode = input.mode ?? 'live';
    const label = input.label ?? null;
    const key = `hb_${mode}_${Array.from({ length: RANDOM_CHARS }, () => ALPHABET[randomInt(ALPHABET.length)]).join('')}`;
    const prefix = key.slice(0, PREFIX_CHARS);
    const keyHash = await this.pepper.hash(key);
    const id = `key_${newId()}`;
    const parentId = caller.principal.apiKeyMode === undefined ? null : caller.principal.userId;
    return this.changes.write(inProject(scope), async (write) => {
      // The parent may have been revoked after the caller was authenticated.
      if (parentId !== null && (await write.rows('SELECT 1 AS one FROM api_keys WHERE id = ?', [parentId])).length === 0)
        throw new ApiFault('token_invalid');
      await this.macs.insert(write, 'api_keys', {
        id,
        project_id: scope.projectId,
        label,
        mode,
        prefix,
        key_hash: keyHash,
        created_by: caller.principal.userId,
        parent_id: parentId,
        created_at: write.now,
      });
      const detail = { mode, prefix, ...(parentId !== null && { parent_id: parentId }) };
      const entry = { action: 'CreateApiKey' as const, resourceType: 'ApiKey', resourceId: id, detail };
      await this.audit.record(write, caller, { ...entry, ...(label && { resourceName: label }) });
      write.change('api_key', id, 'created');
      return { ...toView({ id, label, prefix, createdAt: write.now }), key };
    });
  }

  private async assertMayGrant(caller: Caller): Promise<void> {
    if (caller.principal.apiKeyMode !== undefined || isOperator(caller)) return;
    const held = await this.permissions.of(caller.principal);
    if (!held.covers('webhooks:*:*', this.actions.all)) throw new ApiFault('forbidden');
  }

  /** Returns the metadata of a project's keys, newest first. */
  async list({ projectId }: ProjectScope): Promise<ListedApiKeyView[]> {
    const sql = `SELECT ${LISTED.select} FROM api_keys WHERE project_id = ?
      ORDER BY id DESC`;
    const rows = await this.database.rows<RowOf<typeof LISTED>>(sql, [projectId]);
    return rows.map((row) => ({
      ...toView(row),
      parent_id: row.parentId,
      last_used_at: row.lastUsedAt === null ? null : toMilliseconds(row.lastUsedAt),
    }));
  }

  /**
   * Revokes a key and all its descendants, because somebody with a leaked key may have created others. Every process refuses them from the
   * next request on.
   * @param keepChildren keeps the children, and moves them to the parent of the key
   * @returns the ids of the revoked descendants
   * @throws ApiKeyNotFound
   */
  async delete(scope: ProjectScope, keyId: string, caller: Caller, keepChildren = false): Promise<string[]> {
    if (!API_KEY_ID.test(keyId)) throw new ApiKeyNotFound();
    return this.changes.write(inProject(scope), async (write) => {
      const sql = `SELECT ${OF_FAMILY.select} FROM api_keys WHERE project_id = ?`;
      const keys = await write.rows<RowOf<typeof OF_FAMILY>>(sql, [scope.projectId]);
      const key = keys.find(({ id }) => id === keyId);
      if (!key) throw new ApiKeyNotFound();
      const revoked = [key];
      const children = keys.filter(({ parentId }) => parentId === keyId);
      if (keepChildren) for (const { id } of children) await this.macs.update(write, 'api_keys', { id }, { parent_id: key.parentId });
      else for (const each of revoked) revoked.push(...keys.filter(({ parentId }) => parentId === each.id));
      for (const { id } of revoked) {
        await write.run('DELETE FROM api_keys WHERE id = ?', [id]);
        write.change('api_key', id, 'deleted');
      }
      const others = revoked.slice(1).map(({ id }) => id);
      const detail = { mode: key.mode, prefix: key.prefix, ...(others.length > 0 && { also_deleted: others }) };
      const entry = { action: 'DeleteApiKey' as const, resourceType: 'ApiKey', resourceId: keyId, detail };
      await this.audit.record(write, caller, { ...entry, ...(key.label && { resourceName: key.label }) });
      return others;
    });
  }

  async authenticate(key: string, address: string): Promise<Principal> {
    if (!API_KEY.test(key)) return this.refuse(address);
    const keyHash = await this.pepper.hash(key);
    const known = await this.#reads.read(keyHash, () => this.lookUp(keyHash));
    if (!known) return this.refuse(address);
    this.#lastUsed.record(known.id, this.clock.now(), known.lastUsedAt);
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
   * Counts an invalid key for the rate limit of the network. Valid keys are never limited here, so that clients that share an address with
   * an attacker are not locked out (docs/contracts/endpoints.md §1.2).
   */
  private async refuse(address: string): Promise<never> {
    const standing = await this.quotas.apiKeysOfAddress?.consume(networkOf(address));
    if (standing?.allowed === false) throw new ApiFault('rate_limited', { retryAfterSeconds: standing.resetSeconds });
    throw new ApiFault('token_invalid');
  }

  private async lookUp(keyHash: string): Promise<KnownKey | undefined> {
    const sql = `SELECT ${KNOWN.select}, ${OF_PROJECT.select}, ${proof('api_keys', 'k')}, ${proof('projects', 'p')}
      FROM api_keys k JOIN projects p ON p.id = k.project_id WHERE k.key_hash = ? AND p.enabled = 1`;
    return this.macs.one(this.database, await this.database.rows<KnownKey>(sql, [keyHash]), { k: 'api_keys', p: 'projects' });
  }
}
