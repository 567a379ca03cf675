import { hash } from 'node:crypto';
import { Injectable, Optional } from '@nestjs/common';
import type { AuditAction } from '../../platform/audit/actions.js';
import { AuditService } from '../../platform/audit/audit.service.js';
import { insertCounter } from '../../platform/changes/counters.js';
import { ChangesService, type Write, type WriteScope } from '../../platform/changes/changes.service.js';
import { pageOf, positionOf } from '../../platform/common/cursor.js';
import type { Enveloped } from '../../platform/common/envelope.js';
import { newId } from '../../platform/common/ids.js';
import type { Caller } from '../../platform/common/principal.js';
import type { ProjectScope } from '../../platform/common/scope.js';
import type { Committed } from '../../platform/common/committed.js';
import { Database } from '../../platform/database/database.js';
import { violates } from '../../platform/database/errors.js';
import { columnsOf, type RowOf } from '../../platform/database/columns.js';
import { newWebhookSecret } from '#signing/webhook-keys.js';
import { ClockActs } from '../../identity/projects/clock-acts.js';
import { inProject } from '../../identity/projects/projects.service.js';
import { fromColumn, DecryptionFailed, type EncryptionContext, toColumn } from '../../platform/vault/sealed.js';
import type { ProjectCipher, ProjectEncryptor } from '../../platform/vault/project-cipher.js';
import { VaultService } from '../../platform/vault/vault.service.js';
import { PendingMessages } from './pending-messages.js';
import { endsSignatures, writtenOfEndpoint } from '../delivery-log/delivery-log.js';
import { ENDPOINT_ID, EndpointNotFound, type EndpointScope, inEndpoint } from '../delivery-log/endpoint-scope.js';
import {
  type EndpointInput,
  type ListedWebhookEndpointView,
  type EndpointPatch,
  type EndpointQuery,
  type WebhookEndpointView,
  type NewWebhookEndpointView,
  type OpenEndpoint,
  type PausedWebhookEndpointView,
  type ResumedWebhookEndpointView,
  toListItem,
  toView,
  type UpdatedWebhookEndpointView,
} from './endpoints.dto.js';
import { DuplicateUrl, EndpointHeadersDamaged } from './endpoints.errors.js';
import { assertHeaders } from './header-rules.js';
import { secretContext } from '../signing-keys/live-keys.js';
import { Pepper } from '../api-keys/pepper.js';
import {
  describeKey,
  eventOf,
  insertSigningKey,
  LIST_SIGNING_KEYS,
  secretIdentity,
  type SigningKeyRow,
} from '../signing-keys/signing-key-rows.js';
import { SsrfGuard } from './ssrf-guard.js';
import { WebhookEndpoint } from './endpoint.entity.js';

const UNIQUE_URL = { name: 'uq_webhook_endpoints_url', columns: 'webhook_endpoints.project_id, webhook_endpoints.url_hash' };

const ENDPOINT = columnsOf(WebhookEndpoint).pick(
  'id',
  'projectId',
  'url',
  'urlHash',
  'description',
  'rateLimitRps',
  'burst',
  { sealedHeaders: 'headers' },
  'headersVersion',
  'paused',
  'createdAt',
  'updatedAt',
);
const LISTED = columnsOf(WebhookEndpoint).pick('id', 'url', 'description', 'paused', 'createdAt');
const NEW_ENDPOINT = columnsOf(WebhookEndpoint).pick(
  'id',
  'projectId',
  'url',
  'urlHash',
  'description',
  'rateLimitRps',
  'burst',
  { sealedHeaders: 'headers' },
  'headersVersion',
  'paused',
  'createdBy',
  'createdAt',
  'updatedAt',
);

/** A row of {@link SELECT}, with encrypted headers. */
interface EndpointRow extends RowOf<typeof ENDPOINT> {
  urlHash: string;
}

const SELECT = `SELECT ${ENDPOINT.select}
  FROM webhook_endpoints WHERE project_id = ? AND deleted_at IS NULL`;

/** The encryption context of an endpoint's headers. */
const headersContext = (projectId: string, endpointId: string, version: number): EncryptionContext => ({
  projectId,
  ownerId: endpointId,
  field: 'webhook_endpoints.headers',
  rowId: endpointId,
  version,
});

/** Decrypts the headers that an endpoint adds to its deliveries. @throws DecryptionFailed */
export const openHeaders = (
  box: ProjectCipher,
  { id, projectId, sealedHeaders, headersVersion }: Pick<EndpointRow, 'id' | 'projectId' | 'sealedHeaders' | 'headersVersion'>,
): Record<string, string> =>
  sealedHeaders === null
    ? {}
    : (JSON.parse(box.open(headersContext(projectId, id, headersVersion), fromColumn(sealedHeaders))) as Record<string, string>);

/**
 * Returns the headers before an update; undefined if they are damaged and the patch replaces them. @throws DecryptionFailed if they are
 * damaged and the patch does not replace them
 */
function openUnlessReplaced(box: ProjectCipher, row: EndpointRow, { headers }: EndpointPatch): Record<string, string> | undefined {
  try {
    return openHeaders(box, row);
  } catch (error) {
    if (!(error instanceof DecryptionFailed) || !headers) throw error;
    return undefined;
  }
}

/** Webhook endpoints (docs/contracts/endpoints.md §1.4). */
@Injectable()
export class EndpointsService {
  constructor(
    private readonly database: Database,
    private readonly changes: ChangesService,
    private readonly audit: AuditService,
    private readonly vault: VaultService,
    private readonly ssrfGuard: SsrfGuard,
    private readonly pepper: Pepper,
    private readonly acts: ClockActs,
    @Optional() private readonly pendingMessages?: PendingMessages,
  ) {}

  /**
   * Creates an endpoint with its first signing key. Only this response contains the key's secret.
   * @throws InvalidEndpoint, EndpointBlocked, EndpointUnreachable, InvalidHeaders, DuplicateUrl
   */
  async create(scope: ProjectScope, input: EndpointInput, caller: Caller): Promise<NewWebhookEndpointView> {
    const { projectId } = scope;
    const headers = input.headers ?? {};
    assertHeaders(headers);
    const urlHash = hashOf(await this.ssrfGuard.validate(input.url));
    const id = `ep_${newId()}`;
    const keyId = `sk_${newId()}`;
    const key = newWebhookSecret();
    const shown = describeKey(key);
    const secretHash = await this.pepper.hash(secretIdentity(projectId, key));
    const box = await this.vault.cipher(projectId);
    const sealedHeaders = sealHeaders(box, headersContext(projectId, id, 1), headers);
    const sealedSecret = toColumn(box.seal(secretContext(projectId, id, keyId), key.secret));
    const createdBy = caller.principal.userId;
    const description = input.description ?? '';
    const rateLimitRps = input.rate_limit_rps ?? 0;
    const burst = input.burst ?? null;

    return this.changes.write(inProject(scope), async (write) => {
      const { now } = write;
      const stored = { id, projectId, url: input.url, urlHash, description, rateLimitRps, burst, sealedHeaders, createdBy };
      const values = NEW_ENDPOINT.values({ ...stored, headersVersion: 1, paused: 0, createdAt: now, updatedAt: now });
      await write.run(NEW_ENDPOINT.insert(), values).catch(duplicateUrl);
      await insertCounter(write, { kind: 'endpoint', id }, projectId);
      await this.pendingMessages?.createQueue(write, id);
      await insertSigningKey(write, { ...shown, id: keyId, endpointId: id, slot: 1, sealedSecret, secretHash, createdBy });
      const entry = { action: 'CreateWebhookEndpoint' as const, resourceType: 'WebhookEndpoint', resourceId: id };
      await this.audit.record(write, caller, { ...entry, detail: { signing_key_id: keyId } });
      await this.acts.tell(write, {
        kind: 'signing_key.created',
        data: { ...eventOf(id, { ...shown, id: keyId }), origin: 'generated', by: createdBy },
      });
      write.change('endpoint', id, 'created');
      const endpoint = { id, url: input.url, description, rateLimitRps, burst, headers, paused: false, createdAt: now, updatedAt: now };
      return { ...toView(endpoint), signing_key_id: keyId, signing_secret: key.secret, key_hint: shown.keyHint };
    });
  }

  /** Returns one page of a project's endpoints, newest first. @throws ApiFault 400 for an invalid cursor */
  async list({ projectId }: ProjectScope, { limit, cursor }: EndpointQuery): Promise<Enveloped<ListedWebhookEndpointView[]>> {
    const before = cursor === undefined ? undefined : positionOf(cursor, ENDPOINT_ID);
    const rows = await this.database.rows<RowOf<typeof LISTED>>(
      `SELECT ${LISTED.select} FROM webhook_endpoints
       WHERE project_id = ? AND deleted_at IS NULL ${before === undefined ? '' : 'AND id < ?'} ORDER BY id DESC LIMIT ?`,
      [projectId, ...(before === undefined ? [] : [before]), String(limit + 1)],
    );
    return pageOf(rows, limit, ({ id }) => id, toListItem);
  }

  /** @throws EndpointNotFound, EndpointHeadersDamaged */
  async show({ projectId, endpointId }: EndpointScope): Promise<WebhookEndpointView> {
    if (!ENDPOINT_ID.test(endpointId)) throw new EndpointNotFound();
    const [row] = await this.database.rows<EndpointRow>(`${SELECT} AND id = ?`, [projectId, endpointId]);
    if (!row) throw new EndpointNotFound();
    const open = (box: ProjectCipher) => toView({ ...row, headers: openHeaders(box, row) });
    return this.vault.withCipher(projectId, open, () => new EndpointHeadersDamaged());
  }

  /**
   * Changes the given fields only.
   * @throws EndpointNotFound; EndpointHeadersDamaged, unless the patch replaces the headers; the errors of {@link create}
   */
  async update(scope: EndpointScope, patch: EndpointPatch, caller: Caller): Promise<Committed<UpdatedWebhookEndpointView>> {
    const lock = inEndpoint(scope);
    if (patch.headers) assertHeaders(patch.headers);
    const urlHash = typeof patch.url === 'string' ? hashOf(await this.ssrfGuard.validate(patch.url)) : undefined;
    const update = (box: ProjectCipher) => this.updateWith(box, scope, lock, patch, urlHash, caller);
    return this.vault.withCipher(scope.projectId, update, () => new EndpointHeadersDamaged());
  }

  private updateWith(
    box: ProjectCipher,
    scope: EndpointScope,
    lock: WriteScope,
    patch: EndpointPatch,
    urlHash: string | undefined,
    caller: Caller,
  ): Promise<Committed<UpdatedWebhookEndpointView>> {
    return writtenOfEndpoint(this.changes, this.database, scope, async (write) => {
      const before = await this.lock(write);
      const old = openUnlessReplaced(box, before, patch);
      const after: OpenEndpoint = {
        ...before,
        url: patch.url ?? before.url,
        description: patch.description ?? before.description,
        rateLimitRps: patch.rate_limit_rps ?? before.rateLimitRps,
        burst: patch.burst ?? before.burst,
        headers: (patch.headers as Record<string, string> | null | undefined) ?? old ?? {},
      };
      const headersChanged = JSON.stringify(after.headers) !== JSON.stringify(old);
      const changed = [
        ...(after.url === before.url ? [] : ['url']),
        ...(after.description === before.description ? [] : ['description']),
        ...(after.rateLimitRps === before.rateLimitRps ? [] : ['rate_limit_rps']),
        ...(after.burst === before.burst ? [] : ['burst']),
        ...(headersChanged ? ['headers'] : []),
      ];
      if (changed.length === 0) return { ...toView(after), updated: true };
      const version = headersChanged ? before.headersVersion + 1 : before.headersVersion;
      const sealed = headersChanged
        ? sealHeaders(box, headersContext(lock.projectId, before.id, version), after.headers)
        : before.sealedHeaders;
      await write
        .run(
          `UPDATE webhook_endpoints SET url = ?, url_hash = ?, description = ?, rate_limit_rps = ?, burst = ?, headers = ?,
             headers_version = ?, updated_at = ? WHERE id = ?`,
          [after.url, urlHash ?? before.urlHash, after.description, after.rateLimitRps, after.burst, sealed, version, write.now, before.id],
        )
        .catch(duplicateUrl);
      await this.record(write, caller, 'UpdateWebhookEndpoint', { changed });
      write.change('endpoint', before.id, 'updated');
      if (after.url !== before.url || headersChanged) await endsSignatures(write);
      return { ...toView({ ...after, updatedAt: write.now }), updated: true };
    });
  }

  /**
   * Deletes an endpoint: erases its URL, headers and keys, so that the URL can be used again, and fails waiting messages for good. The row
   * stays for the audit trail and the message log.
   * @throws EndpointNotFound
   */
  async delete(scope: EndpointScope, caller: Caller): Promise<Committed<void>> {
    return writtenOfEndpoint(this.changes, this.database, scope, async (write) => {
      const { id } = await this.lock(write);
      // Erases the URL, because many receivers authenticate senders by a secret in the URL.
      const sql = `UPDATE webhook_endpoints SET url = '', url_hash = NULL, headers = NULL, deleted_at = ?, updated_at = ? WHERE id = ?`;
      await write.run(sql, [write.now, write.now, id]);
      await write.run('DELETE FROM endpoint_events WHERE endpoint_id = ?', [id]);
      for (const key of await write.rows<SigningKeyRow>(LIST_SIGNING_KEYS, [id])) {
        const data = { ...eventOf(id, key), reason: 'endpoint_deleted', by: caller.principal.userId };
        await this.acts.tell(write, { kind: 'signing_key.deleted', data });
      }
      await write.run('DELETE FROM signing_keys WHERE endpoint_id = ?', [id]);
      await this.pendingMessages?.fail(write, id);
      await this.record(write, caller, 'DeleteWebhookEndpoint');
      write.change('endpoint', id, 'deleted');
      await endsSignatures(write);
    });
  }

  /** Stops deliveries. Messages are still accepted. Idempotent. @throws EndpointNotFound */
  async pause(scope: EndpointScope, caller: Caller): Promise<Committed<PausedWebhookEndpointView>> {
    return writtenOfEndpoint(this.changes, this.database, scope, async (write): Promise<PausedWebhookEndpointView> => {
      const { id, paused } = await this.lock(write);
      if (paused) return { id, paused: true };
      await write.run('UPDATE webhook_endpoints SET paused = 1, updated_at = ? WHERE id = ?', [write.now, id]);
      await this.pendingMessages?.pause(write, id);
      await this.record(write, caller, 'PauseWebhookEndpoint');
      write.change('endpoint', id, 'updated');
      await endsSignatures(write);
      return { id, paused: true };
    });
  }

  /** Resumes deliveries and makes parked messages due. Idempotent. @throws EndpointNotFound */
  async resume(scope: EndpointScope, caller: Caller): Promise<ResumedWebhookEndpointView> {
    return this.changes.write(inEndpoint(scope), async (write) => {
      const { id, paused } = await this.lock(write);
      if (!paused) return { id, paused: false, messages_requeued: 0 };
      await write.run('UPDATE webhook_endpoints SET paused = 0, disabled_at = NULL, disabled_reason = NULL, updated_at = ? WHERE id = ?', [
        write.now,
        id,
      ]);
      const requeued = (await this.pendingMessages?.resume(write, id)) ?? 0;
      await this.record(write, caller, 'ResumeWebhookEndpoint', { messages_requeued: requeued });
      write.change('endpoint', id, 'updated');
      return { id, paused: false, messages_requeued: requeued };
    });
  }

  /** Reads the endpoint of a write, which holds the endpoint's lock. @throws EndpointNotFound */
  private async lock(write: Write): Promise<EndpointRow> {
    const [row] = await write.rows<EndpointRow>(`${SELECT} AND id = ?`, [write.projectId, write.scope.id]);
    if (!row) throw new EndpointNotFound();
    return row;
  }

  private record(write: Write, caller: Caller, action: AuditAction, detail?: Record<string, unknown>): Promise<void> {
    return this.audit.record(write, caller, {
      action,
      resourceType: 'WebhookEndpoint',
      resourceId: write.scope.id,
      ...(detail && { detail }),
    });
  }
}

const hashOf = (url: URL): string => hash('sha256', url.href, 'hex');

const sealHeaders = (box: ProjectEncryptor, place: EncryptionContext, headers: Record<string, string>): string | null =>
  Object.keys(headers).length === 0 ? null : toColumn(box.seal(place, JSON.stringify(headers)));

function duplicateUrl(error: unknown): never {
  throw violates(error, UNIQUE_URL) ? new DuplicateUrl() : error;
}
