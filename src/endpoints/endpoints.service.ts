import { hash } from 'node:crypto';
import { Injectable, Optional } from '@nestjs/common';
import { AuditService } from '../audit/audit.service.js';
import { ChangesService, type Write, type WriteScope } from '../changes/changes.service.js';
import { pageOf, positionOf } from '../common/cursor.js';
import type { Enveloped } from '../common/envelope.js';
import { newId } from '../common/ids.js';
import type { Caller } from '../common/principal.js';
import type { ProjectScope } from '../common/scope.js';
import { Database } from '../database/database.js';
import { violates } from '../database/errors.js';
import { newWebhookSecret } from '../lib/signing/webhook-keys.js';
import { inProject } from '../projects/projects.service.js';
import { fromColumn, type SecretPlace, toColumn } from '../vault/sealed.js';
import type { Box, Sealer } from '../vault/box.js';
import { VaultService } from '../vault/vault.service.js';
import { Backlog } from './backlog.js';
import { ENDPOINT_ID, type EndpointScope, inEndpoint } from './endpoint-scope.js';
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
import { DuplicateUrl, EndpointNotFound } from './endpoints.errors.js';
import { assertHeaders } from './header-rules.js';
import { secretPlace } from './live-keys.js';
import { describeKey, insertSigningKey } from './signing-key-rows.js';
import { Targets } from './targets.js';

const UNIQUE_URL = { name: 'uq_webhook_endpoints_url', columns: 'webhook_endpoints.project_id, webhook_endpoints.url_hash' };

/** A row as the statements here read it; the headers are still sealed. */
interface EndpointRow extends Omit<OpenEndpoint, 'headers'> {
  projectId: string;
  urlHash: string;
  sealedHeaders: string | null;
  headersVersion: number;
}

const SELECT = `SELECT id, project_id AS projectId, url, url_hash AS urlHash, description, rate_limit_rps AS rateLimitRps, burst,
    headers AS sealedHeaders, headers_version AS headersVersion, paused, created_at AS createdAt, updated_at AS updatedAt
  FROM webhook_endpoints WHERE project_id = ? AND deleted_at IS NULL`;

/** Where an endpoint's headers are sealed to. */
const headersPlace = (projectId: string, endpointId: string, version: number): SecretPlace => ({
  projectId,
  field: 'webhook_endpoints.headers',
  rowId: endpointId,
  version,
});

/**
 * The headers that an endpoint adds to its deliveries.
 * @param row `headers` as it stands in the row
 * @throws SealBroken
 */
export const openHeaders = (
  box: Box,
  { id, projectId, sealedHeaders, headersVersion }: Pick<EndpointRow, 'id' | 'projectId' | 'sealedHeaders' | 'headersVersion'>,
): Record<string, string> =>
  sealedHeaders === null
    ? {}
    : (JSON.parse(box.open(headersPlace(projectId, id, headersVersion), fromColumn(sealedHeaders))) as Record<string, string>);

/** Webhook endpoints: endpoints §1.4. */
@Injectable()
export class EndpointsService {
  constructor(
    private readonly database: Database,
    private readonly changes: ChangesService,
    private readonly audit: AuditService,
    private readonly vault: VaultService,
    private readonly targets: Targets,
    @Optional() private readonly backlog?: Backlog,
  ) {}

  /**
   * Creates an endpoint with its first signing key, whose secret is in this answer and nowhere else.
   * @throws InvalidEndpoint, EndpointBlocked, EndpointUnreachable, InvalidHeaders, DuplicateUrl
   */
  async create(scope: ProjectScope, input: EndpointInput, caller: Caller): Promise<NewWebhookEndpointView> {
    const { projectId } = scope;
    const headers = input.headers ?? {};
    assertHeaders(headers);
    const urlHash = hashOf(await this.targets.judge(input.url));
    const id = `ep_${newId()}`;
    const keyId = `sk_${newId()}`;
    const key = newWebhookSecret();
    const shown = describeKey(key);
    const box = await this.vault.box(projectId);
    const sealedHeaders = sealHeaders(box, headersPlace(projectId, id, 1), headers);
    const sealedSecret = toColumn(box.seal(secretPlace(projectId, keyId), key.secret));
    const createdBy = caller.principal.userId;
    const description = input.description ?? '';
    const rateLimitRps = input.rate_limit_rps ?? 0;
    const burst = input.burst ?? null;

    return this.changes.write(inProject(scope), async (write) => {
      const { now } = write;
      await write
        .run(
          `INSERT INTO webhook_endpoints (id, project_id, url, url_hash, description, rate_limit_rps, burst, headers, headers_version,
             paused, created_by, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1, 0, ?, ?, ?)`,
          [id, projectId, input.url, urlHash, description, rateLimitRps, burst, sealedHeaders, createdBy, now, now],
        )
        .catch(duplicateUrl);
      await write.run('INSERT INTO change_counters (scope_id, project_id, revision) VALUES (?, ?, 0)', [id, projectId]);
      await insertSigningKey(write, { ...shown, id: keyId, endpointId: id, slot: 1, sealedSecret, createdBy });
      const entry = { action: 'CreateWebhookEndpoint', resourceType: 'WebhookEndpoint', resourceId: id };
      await this.audit.record(write, caller, { ...entry, detail: { signing_key_id: keyId } });
      write.change('endpoint', id, 'created');
      const endpoint = { id, url: input.url, description, rateLimitRps, burst, headers, paused: false, createdAt: now, updatedAt: now };
      return { ...toView(endpoint), signing_key_id: keyId, signing_secret: key.secret, key_hint: shown.keyHint };
    });
  }

  /** One page of a project's endpoints, newest first. @throws Fault 400 for a cursor that is none */
  async list({ projectId }: ProjectScope, { limit, cursor }: EndpointQuery): Promise<Enveloped<ListedWebhookEndpointView[]>> {
    const before = cursor === undefined ? undefined : positionOf(cursor, ENDPOINT_ID);
    const rows = await this.database.rows<EndpointRow>(
      `SELECT id, url, description, paused, created_at AS createdAt FROM webhook_endpoints
       WHERE project_id = ? AND deleted_at IS NULL ${before === undefined ? '' : 'AND id < ?'} ORDER BY id DESC LIMIT ?`,
      [projectId, ...(before === undefined ? [] : [before]), String(limit + 1)],
    );
    return pageOf(rows, limit, ({ id }) => id, toListItem);
  }

  /** @throws EndpointNotFound */
  async show({ projectId, endpointId }: EndpointScope): Promise<WebhookEndpointView> {
    if (!ENDPOINT_ID.test(endpointId)) throw new EndpointNotFound();
    const [row] = await this.database.rows<EndpointRow>(`${SELECT} AND id = ?`, [projectId, endpointId]);
    if (!row) throw new EndpointNotFound();
    return this.vault.withBox(projectId, (box) => toView({ ...row, headers: openHeaders(box, row) }));
  }

  /**
   * Changes what is named and leaves the rest.
   * @throws EndpointNotFound, and as create
   */
  async update(scope: EndpointScope, patch: EndpointPatch, caller: Caller): Promise<UpdatedWebhookEndpointView> {
    const lock = inEndpoint(scope);
    if (patch.headers) assertHeaders(patch.headers);
    const urlHash = typeof patch.url === 'string' ? hashOf(await this.targets.judge(patch.url)) : undefined;
    return this.vault.withBox(scope.projectId, (box) => this.updateWith(box, lock, patch, urlHash, caller));
  }

  private updateWith(
    box: Box,
    lock: WriteScope,
    patch: EndpointPatch,
    urlHash: string | undefined,
    caller: Caller,
  ): Promise<UpdatedWebhookEndpointView> {
    return this.changes.write(lock, async (write) => {
      const before = await this.lock(write);
      const old = openHeaders(box, before);
      const after: OpenEndpoint = {
        ...before,
        url: patch.url ?? before.url,
        description: patch.description ?? before.description,
        rateLimitRps: patch.rate_limit_rps ?? before.rateLimitRps,
        burst: patch.burst ?? before.burst,
        headers: (patch.headers as Record<string, string> | null | undefined) ?? old,
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
        ? sealHeaders(box, headersPlace(lock.projectId, before.id, version), after.headers)
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
      return { ...toView({ ...after, updatedAt: write.now }), updated: true };
    });
  }

  /**
   * Deletes an endpoint: its row stays for the trail and for its messages, its URL is free, its keys and headers are destroyed, and what
   * waits for delivery has failed for good.
   * @throws EndpointNotFound
   */
  async delete(scope: EndpointScope, caller: Caller): Promise<void> {
    await this.changes.write(inEndpoint(scope), async (write) => {
      const { id } = await this.lock(write);
      const sql = 'UPDATE webhook_endpoints SET url_hash = NULL, headers = NULL, deleted_at = ?, updated_at = ? WHERE id = ?';
      await write.run(sql, [write.now, write.now, id]);
      await write.run('DELETE FROM signing_keys WHERE endpoint_id = ?', [id]);
      await this.backlog?.abandon(write, id);
      await this.record(write, caller, 'DeleteWebhookEndpoint');
      write.change('endpoint', id, 'deleted');
    });
  }

  /** Keeps messages and delivers none. What is paused already stays so. @throws EndpointNotFound */
  async pause(scope: EndpointScope, caller: Caller): Promise<PausedWebhookEndpointView> {
    return this.changes.write(inEndpoint(scope), async (write) => {
      const { id, paused } = await this.lock(write);
      if (paused) return { id, paused: true };
      await write.run('UPDATE webhook_endpoints SET paused = 1, updated_at = ? WHERE id = ?', [write.now, id]);
      await this.backlog?.pause(write, id);
      await this.record(write, caller, 'PauseWebhookEndpoint');
      write.change('endpoint', id, 'updated');
      return { id, paused: true };
    });
  }

  /** Delivers again, what was kept first. @throws EndpointNotFound */
  async resume(scope: EndpointScope, caller: Caller): Promise<ResumedWebhookEndpointView> {
    return this.changes.write(inEndpoint(scope), async (write) => {
      const { id, paused } = await this.lock(write);
      if (!paused) return { id, paused: false, messages_requeued: 0 };
      await write.run('UPDATE webhook_endpoints SET paused = 0, updated_at = ? WHERE id = ?', [write.now, id]);
      const requeued = (await this.backlog?.resume(write, id)) ?? 0;
      await this.record(write, caller, 'ResumeWebhookEndpoint', { messages_requeued: requeued });
      write.change('endpoint', id, 'updated');
      return { id, paused: false, messages_requeued: requeued };
    });
  }

  /** The endpoint of a write, which holds its lock. @throws EndpointNotFound */
  private async lock(write: Write): Promise<EndpointRow> {
    const [row] = await write.rows<EndpointRow>(`${SELECT} AND id = ?`, [write.projectId, write.scopeId]);
    if (!row) throw new EndpointNotFound();
    return row;
  }

  private record(write: Write, caller: Caller, action: string, detail?: Record<string, unknown>): Promise<void> {
    return this.audit.record(write, caller, {
      action,
      resourceType: 'WebhookEndpoint',
      resourceId: write.scopeId,
      ...(detail && { detail }),
    });
  }
}

const hashOf = (url: URL): string => hash('sha256', url.href, 'hex');

const sealHeaders = (box: Sealer, place: SecretPlace, headers: Record<string, string>): string | null =>
  Object.keys(headers).length === 0 ? null : toColumn(box.seal(place, JSON.stringify(headers)));

function duplicateUrl(error: unknown): never {
  throw violates(error, UNIQUE_URL) ? new DuplicateUrl() : error;
}
