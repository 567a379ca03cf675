import { Injectable } from '@nestjs/common';
import { AuditService } from '../../platform/audit/audit.service.js';
import type { ChangeOp } from '../../platform/changes/change.entity.js';
import { ChangesService, type Write } from '../../platform/changes/changes.service.js';
import { toNanoseconds } from '../../platform/common/clock.js';
import { newId } from '../../platform/common/ids.js';
import type { Caller } from '../../platform/common/principal.js';
import type { InstanceScope } from '../../platform/common/scope.js';
import type { Committed } from '../../platform/common/committed.js';
import { Config } from '../../platform/config/config.js';
import { chunks, placeholders } from '../../platform/database/tx.js';
import { columnsOf, type RowOf } from '../../platform/database/columns.js';
import { inInstance } from '../instances/instance-scope.js';
import { ApiNotFound, BatchActionInvalid, EnvironmentNotFound, GroupNotFound, PublicationNotFound } from './apis.errors.js';
import { API, type ApiRow, toApiBody } from './apis.views.js';
import { findEnvironment } from './environments.service.js';
import type { EnvironmentRow } from './environments.dto.js';
import { limitsOf } from './limits.js';
import { toJson } from './listing.js';
import {
  ACTIONS,
  type Action,
  type BatchPublishInput,
  type BatchPublishView,
  type PublishInput,
  type PublishView,
} from './publications.dto.js';
import { Api } from './api.entity.js';
import { ApiVersion, Publication } from './publication.entity.js';

/** Number of APIs per statement, low enough for the limit of bound values. A batch of 1000 APIs takes a few dozen statements. */
const CHUNK = 100;
/** Maximum size of the definitions in one statement, well below the maximum packet size of a server. */
const BYTES_MAX = 4 * 1024 * 1024;

const NEW_VERSION = columnsOf(ApiVersion).all();
const NEW_PUBLICATION = columnsOf(Publication).all();
const THERE = columnsOf(Publication).pick('id', 'apiId');
const RUNNING = columnsOf(Publication, 'p').pick('id', 'online', 'versionId', 'publishedAt');
const OF_API = columnsOf(Api, 'a').pick({ apiId: 'id', apiName: 'name' });
const RUNNING_OF_API = `${OF_API.select}, ${RUNNING.select}`;

/** The result for one API. */
interface Outcome {
  apiId: string;
  apiName: string;
  /** Absent if the API was never published in this environment. */
  publication?: { id: string; versionId: string; publishedAt: number };
  remark: string;
  /** Absent if nothing changed. */
  op?: ChangeOp;
}

/** A version that is about to be written. */
interface Frozen {
  api: ApiRow;
  versionId: string;
  publishId: string;
  definition: string;
}

/** Publishes APIs and takes them offline (docs/contracts/apig.md §3.6). */
@Injectable()
export class PublicationsService {
  constructor(
    private readonly changes: ChangesService,
    private readonly audit: AuditService,
    private readonly config: Config,
  ) {}

  /**
   * Publishes one API in its current form, or takes it offline. Writes nothing if an API to take offline is already offline.
   * @throws EnvironmentNotFound, ApiNotFound, InstanceNotFound; PublicationNotFound when an API to take offline was never online
   */
  publish(
    scope: InstanceScope,
    { action, api_id: apiId, env_id: envId, remark }: PublishInput,
    caller: Caller,
  ): Promise<Committed<PublishView>> {
    return this.changes.commit(inInstance(scope), async (write) => {
      const environment = await environmentOf(write, scope, envId);
      const [outcome] = await this.act(write, scope, action, [apiId], environment, remark ?? '');
      if (!outcome) throw new ApiNotFound(apiId);
      const { apiName, publication, op } = outcome;
      if (!publication) throw new PublicationNotFound();
      if (op) {
        const detail = { env_id: envId, publish_id: publication.id, version_id: publication.versionId };
        const entry = {
          action: action === 'online' ? ('OnlineApi' as const) : ('OfflineApi' as const),
          resourceType: 'Api',
          resourceId: apiId,
          resourceName: apiName,
          detail,
        };
        await this.audit.record(write, caller, entry);
        write.change('publication', publication.id, op);
      }
      return toPublishView(outcome, publication, envId);
    });
  }

  /**
   * As {@link publish}, for many APIs in one transaction. APIs that fail are listed with the reason and do not affect the others.
   * @param action the value in the query
   * @throws BatchActionInvalid, EnvironmentNotFound, GroupNotFound, InstanceNotFound
   */
  async publishAll(
    scope: InstanceScope,
    action: string | undefined,
    input: BatchPublishInput,
    caller: Caller,
  ): Promise<Committed<BatchPublishView>> {
    if (!isAction(action)) throw new BatchActionInvalid();
    return this.changes.commit(inInstance(scope), async (write) => {
      const environment = await environmentOf(write, scope, input.env_id);
      const apiIds = input.apis ? [...new Set(input.apis)] : await this.apisOf(write, scope, input.group_id ?? '');
      const outcomes = await this.act(write, scope, action, apiIds, environment, input.remark ?? '');
      const changed = outcomes.filter(({ op }) => op);
      if (changed.length > 0) {
        const detail = { api_ids: changed.map(({ apiId }) => apiId) };
        const name = action === 'online' ? 'OnlineApis' : 'OfflineApis';
        await this.audit.record(write, caller, {
          action: name,
          resourceType: 'Environment',
          resourceId: environment.id,
          resourceName: environment.name,
          detail,
        });
        for (const { publication, op } of changed) if (publication && op) write.change('publication', publication.id, op);
      }
      return batchView(apiIds, outcomes, environment.id);
    });
  }

  /** Returns an outcome for every API that exists. */
  private async act(
    write: Write,
    scope: InstanceScope,
    action: Action,
    apiIds: readonly string[],
    { id: envId }: EnvironmentRow,
    remark: string,
  ): Promise<Outcome[]> {
    const outcomes: Outcome[] = [];
    for (const part of chunks(apiIds, CHUNK)) {
      outcomes.push(
        ...(action === 'online'
          ? await this.online(write, scope, part, envId, remark)
          : await this.offline(write, scope, part, envId, remark)),
      );
    }
    return outcomes;
  }

  /**
   * Freezes each API in its current form and puts that version into effect. From the first publication on, the publication keeps its id.
   */
  private async online(write: Write, scope: InstanceScope, apiIds: readonly string[], envId: string, remark: string): Promise<Outcome[]> {
    const apis = await write.rows<ApiRow>(
      `SELECT ${API} FROM apis a JOIN api_groups g ON g.id = a.group_id WHERE a.id IN (${placeholders(apiIds)}) AND a.instance_id = ? AND a.project_id = ?`,
      [...apiIds, scope.instanceId, scope.projectId],
    );
    if (apis.length === 0) return [];
    const there = await write.rows<RowOf<typeof THERE>>(
      `SELECT ${THERE.select} FROM publications WHERE api_id IN (${placeholders(apis)}) AND env_id = ?`,
      [...apis.map(({ id }) => id), envId],
    );
    const publishIds = new Map(there.map(({ id, apiId }) => [apiId, id]));
    const frozen = apis.map(
      (api): Frozen => ({ api, versionId: newId(), publishId: publishIds.get(api.id) ?? newId(), definition: toJson(toApiBody(api)) }),
    );
    for (const part of bySize(frozen)) await insertVersions(write, scope, envId, remark, part);
    await insertPublications(
      write,
      scope,
      envId,
      remark,
      frozen.filter(({ api }) => !publishIds.has(api.id)),
    );
    await updatePublications(
      write,
      remark,
      frozen.filter(({ api }) => publishIds.has(api.id)),
    );
    await dropOldVersions(
      write,
      apis.map(({ id }) => id),
      envId,
      limitsOf(this.config)('API_VERSION_NUM_LIMIT'),
    );
    return frozen.map(({ api, versionId, publishId }) => ({
      apiId: api.id,
      apiName: api.name,
      publication: { id: publishId, versionId, publishedAt: write.now },
      remark,
      op: publishIds.has(api.id) ? 'updated' : 'created',
    }));
  }

  /** Takes APIs offline. Their bindings stay, and apply again when the API is online again (docs/contracts/apig.md §2.4). */
  private async offline(write: Write, scope: InstanceScope, apiIds: readonly string[], envId: string, remark: string): Promise<Outcome[]> {
    const rows = await write.rows<RowOf<typeof OF_API> & Omit<RowOf<typeof RUNNING>, 'id'> & { id: string | null }>(
      `SELECT ${RUNNING_OF_API}
       FROM apis a LEFT JOIN publications p ON p.api_id = a.id AND p.env_id = ?
       WHERE a.id IN (${placeholders(apiIds)}) AND a.instance_id = ? AND a.project_id = ?`,
      [envId, ...apiIds, scope.instanceId, scope.projectId],
    );
    const running = rows.flatMap(({ id, online }) => (id !== null && online === 1 ? [id] : []));
    if (running.length > 0) await write.run(`UPDATE publications SET online = 0 WHERE id IN (${placeholders(running)})`, running);
    return rows.map(({ apiId, apiName, id, online, versionId, publishedAt }) => ({
      apiId,
      apiName,
      remark,
      ...(id !== null && { publication: { id, versionId, publishedAt } }),
      ...(id !== null && online === 1 && { op: 'updated' }),
    }));
  }

  private async apisOf(write: Write, scope: InstanceScope, groupId: string): Promise<string[]> {
    const rows = await write.rows<{ apiId: string | null }>(
      'SELECT a.id AS apiId FROM api_groups g LEFT JOIN apis a ON a.group_id = g.id WHERE g.id = ? AND g.instance_id = ? AND g.project_id = ? ORDER BY a.id',
      [groupId, scope.instanceId, scope.projectId],
    );
    if (rows.length === 0) throw new GroupNotFound(groupId);
    return rows.flatMap(({ apiId }) => apiId ?? []);
  }
}

const isAction = (action: string | undefined): action is Action => (ACTIONS as readonly (string | undefined)[]).includes(action);

async function environmentOf(write: Write, scope: InstanceScope, envId: string): Promise<EnvironmentRow> {
  const environment = await findEnvironment(write, scope, envId);
  if (!environment) throw new EnvironmentNotFound(envId);
  return environment;
}

/** The time as `yyyyMMddHHmmss`, UTC. */
const versionNo = (instant: number) => new Date(instant).toISOString().replace(/\D/g, '').slice(0, 14);

async function insertVersions(
  write: Write,
  { projectId, instanceId }: InstanceScope,
  envId: string,
  remark: string,
  frozen: readonly Frozen[],
): Promise<void> {
  const same = { projectId, instanceId, envId, versionNo: versionNo(write.now), remark, publishedAt: write.now };
  await write.run(
    NEW_VERSION.insert(frozen.length),
    frozen.flatMap(({ api, versionId, definition }) => NEW_VERSION.values({ ...same, id: versionId, apiId: api.id, definition })),
  );
}

async function insertPublications(
  write: Write,
  { projectId, instanceId }: InstanceScope,
  envId: string,
  remark: string,
  frozen: readonly Frozen[],
): Promise<void> {
  if (frozen.length === 0) return;
  const same = { projectId, instanceId, envId, online: 1, remark, publishedAt: write.now };
  await write.run(
    NEW_PUBLICATION.insert(frozen.length),
    frozen.flatMap(({ api, versionId, publishId }) => NEW_PUBLICATION.values({ ...same, id: publishId, apiId: api.id, versionId })),
  );
}

async function updatePublications(write: Write, remark: string, frozen: readonly Frozen[]): Promise<void> {
  if (frozen.length === 0) return;
  const versions = frozen.map(() => 'WHEN ? THEN ?').join(' ');
  await write.run(
    `UPDATE publications SET online = 1, remark = ?, published_at = ?, version_id = CASE id ${versions} END WHERE id IN (${placeholders(frozen)})`,
    [
      remark,
      write.now,
      ...frozen.flatMap(({ publishId, versionId }) => [publishId, versionId]),
      ...frozen.map(({ publishId }) => publishId),
    ],
  );
}

/** Deletes all versions of each API except the newest. The version in effect counts as the newest (docs/contracts/apig.md §3.6). */
async function dropOldVersions(write: Write, apiIds: readonly string[], envId: string, keep: number): Promise<void> {
  await write.run(
    `DELETE FROM api_versions WHERE id IN (SELECT id FROM (
       SELECT v.id, ROW_NUMBER() OVER (PARTITION BY v.api_id ORDER BY CASE WHEN p.id IS NULL THEN 1 ELSE 0 END, v.id DESC) AS age
       FROM api_versions v LEFT JOIN publications p ON p.api_id = v.api_id AND p.env_id = v.env_id AND p.version_id = v.id
       WHERE v.api_id IN (${placeholders(apiIds)}) AND v.env_id = ?
     ) aged WHERE age > ?)`,
    [...apiIds, envId, keep],
  );
}

/** Splits a list so that the definitions of each part fit into one statement. */
function bySize(frozen: readonly Frozen[]): Frozen[][] {
  const parts: Frozen[][] = [];
  let bytes = BYTES_MAX;
  for (const one of frozen) {
    bytes += one.definition.length;
    if (bytes > BYTES_MAX) {
      parts.push([]);
      bytes = one.definition.length;
    }
    parts.at(-1)?.push(one);
  }
  return parts;
}

const toPublishView = (
  { apiId, apiName, remark }: Outcome,
  publication: NonNullable<Outcome['publication']>,
  envId: string,
): PublishView => ({
  publish_id: publication.id,
  api_id: apiId,
  api_name: apiName,
  env_id: envId,
  remark,
  publish_time: toNanoseconds(publication.publishedAt),
  version_id: publication.versionId,
});

/** Returns the outcomes in the order of the request. */
function batchView(apiIds: readonly string[], outcomes: readonly Outcome[], envId: string): BatchPublishView {
  const byApi = new Map(outcomes.map((outcome) => [outcome.apiId, outcome]));
  const view: BatchPublishView = { success: [], failure: [] };
  for (const apiId of apiIds) {
    const outcome = byApi.get(apiId);
    if (outcome?.publication) view.success.push(toPublishView(outcome, outcome.publication, envId));
    else if (outcome) view.failure.push({ api_id: apiId, api_name: outcome.apiName, ...wordsOf(new PublicationNotFound()) });
    else view.failure.push({ api_id: apiId, api_name: '', error_code: 'APIG.3002', error_msg: `Api ${apiId} not found` });
  }
  return view;
}

const wordsOf = ({ code, message }: PublicationNotFound) => ({ error_code: code, error_msg: message });
