import { Injectable } from '@nestjs/common';
import type { AuditAction } from '../../platform/audit/actions.js';
import { AuditService } from '../../platform/audit/audit.service.js';
import { ChangesService, type Write } from '../../platform/changes/changes.service.js';
import { newId } from '../../platform/common/ids.js';
import { isPrecise } from '../../platform/common/pagination.js';
import type { Caller } from '../../platform/common/principal.js';
import type { InstanceScope } from '../../platform/common/scope.js';
import { Config } from '../../platform/config/config.js';
import { Database } from '../../platform/database/database.js';
import { violates } from '../../platform/database/errors.js';
import { chunks, type Param, placeholders, type Reads } from '../../platform/database/tx.js';
import { columnsOf, type RowOf } from '../../platform/database/columns.js';
import { inInstance } from '../instances/instance-scope.js';
import { type ApiDefinition, channelsOf, definitionOf } from './api-definition.js';
import {
  ApiNameTaken,
  ApiNotFound,
  ApiPathTaken,
  ApiPublished,
  ApiQuotaExceeded,
  ApisPerGroupQuotaExceeded,
  GroupNotFound,
  VpcChannelNotFound,
} from './apis.errors.js';
import type { ApiCheckInput, ApiInput, ApiQuery } from './apis.dto.js';
import { API, type ApiListView, type ApiRow, type ApiView, ONLINE, type OnlineIn, toApiView } from './apis.views.js';
import { domainsOf } from './group-domains.dto.js';
import { limitsOf } from './limits.js';
import { Filters, findIn, fromJson, listOf, toJson, usesChannel } from './listing.js';
import { Api } from './api.entity.js';
import { ApiGroup } from './group.entity.js';

const UNIQUE_NAME = { name: 'uq_apis_group_name', columns: 'apis.group_id, apis.name' };
const FROM = 'apis a';
const GROUP = 'LEFT JOIN api_groups g ON g.id = a.group_id';
const NEW_API = columnsOf(Api).all();
const SELECT_ONLINE = `SELECT ${ONLINE} FROM publications p JOIN environments e ON e.instance_id = p.instance_id AND e.id = p.env_id`;
const GROUP_NAMED = columnsOf(ApiGroup, 'g').pick({
  groupName: 'name',
  groupCreatedAt: 'createdAt',
  groupUpdatedAt: 'updatedAt',
  groupDomainEnabled: 'slDomainAccessEnabled',
});
const CAPACITY = `SELECT ${GROUP_NAMED.select}, i.spec,
    (SELECT COUNT(*) FROM apis a WHERE a.instance_id = i.id) AS inGateway, (SELECT COUNT(*) FROM apis a WHERE a.group_id = g.id) AS inGroup
  FROM instances i JOIN api_groups g ON g.instance_id = i.id WHERE i.id = ? AND g.id = ? AND g.project_id = ?`;

/** Reads an API inside a write; undefined when the gateway has no API with this id. */
export async function findApi(write: Write, scope: InstanceScope, apiId: string): Promise<ApiRow | undefined> {
  const sql = `SELECT ${API} FROM ${FROM} ${GROUP} WHERE a.id = ? AND a.instance_id = ? AND a.project_id = ?`;
  const [api] = await write.rows<ApiRow>(sql, [apiId, scope.instanceId, scope.projectId]);
  return api;
}

/** A group, with the counts that decide whether an API may be added. */
interface GroupCapacity extends RowOf<typeof GROUP_NAMED> {
  spec: string;
  inGateway: number;
  inGroup: number;
}

/** APIs in their editable form (docs/contracts/apig.md §3.5). A publication freezes the form that gateways use. */
@Injectable()
export class ApisService {
  constructor(
    private readonly database: Database,
    private readonly changes: ChangesService,
    private readonly audit: AuditService,
    private readonly config: Config,
  ) {}

  /**
   * @throws GroupNotFound, VpcChannelNotFound, ApiNameTaken, ApiPathTaken, ApiQuotaExceeded, ApisPerGroupQuotaExceeded, InstanceNotFound,
   * and the errors of {@link definitionOf}
   */
  create(scope: InstanceScope, input: ApiInput, caller: Caller): Promise<ApiView> {
    const id = newId();
    const definition = definitionOf(input, limitsOf(this.config));
    return this.changes.write(inInstance(scope), async (write) => {
      const capacity = await this.groupCapacity(write, scope, input.group_id);
      const limits = limitsOf(this.config, capacity.spec);
      if (capacity.inGateway >= limits('API_NUM_LIMIT')) throw new ApiQuotaExceeded();
      if (capacity.inGroup >= limits('API_NUM_LIMIT_PER_GROUP')) throw new ApisPerGroupQuotaExceeded();
      await this.assertFree(write, id, input);
      await this.assertChannels(write, scope, definition);
      const { projectId, instanceId } = scope;
      const row = rowOf(id, input, definition, capacity, write.now, write.now);
      await write.run(NEW_API.insert(), NEW_API.values({ ...row, projectId, instanceId })).catch(nameTaken(input.name));
      await this.record(write, caller, 'CreateApi', { id, name: input.name }, { group_id: input.group_id });
      write.change('api', id, 'created');
      return toApiView(row, { online: [], ...(await this.around(write, input.group_id)) }, write.now);
    });
  }

  /** Replaces the definition. Versions that are online do not change. @throws ApiNotFound, and the errors of {@link create} */
  update(scope: InstanceScope, apiId: string, input: ApiInput, caller: Caller): Promise<ApiView> {
    return this.changes.write(inInstance(scope), async (write) => {
      const limits = limitsOf(this.config);
      const before = await findApi(write, scope, apiId);
      if (!before) throw new ApiNotFound(apiId);
      const definition = definitionOf(input, limits, fromJson<ApiDefinition>(before.definition));
      const capacity = await this.groupCapacity(write, scope, input.group_id);
      if (before.groupId !== input.group_id && capacity.inGroup >= limits('API_NUM_LIMIT_PER_GROUP')) throw new ApisPerGroupQuotaExceeded();
      await this.assertFree(write, apiId, input);
      await this.assertChannels(write, scope, definition);
      const sets =
        'group_id = ?, name = ?, type = ?, req_protocol = ?, req_method = ?, req_uri = ?, auth_type = ?, remark = ?, definition = ?, updated_at = ?';
      await write
        .run(`UPDATE apis SET ${sets} WHERE id = ?`, [...valuesOf(input, definition), write.now, apiId])
        .catch(nameTaken(input.name));
      await this.record(write, caller, 'UpdateApi', { id: apiId, name: input.name });
      write.change('api', apiId, 'updated');
      const online = await write.rows<OnlineIn>(`${SELECT_ONLINE} WHERE p.api_id = ? AND p.online = 1 ORDER BY p.id`, [apiId]);
      const after = rowOf(apiId, input, definition, capacity, before.createdAt, write.now);
      return toApiView(after, { online, ...(await this.around(write, input.group_id)) }, write.now);
    });
  }

  /**
   * Deletes an API that is not online in any environment. Foreign keys also delete its offline publications, their bindings and its
   * versions.
   * @throws ApiNotFound, ApiPublished, InstanceNotFound
   */
  async delete(scope: InstanceScope, apiId: string, caller: Caller): Promise<void> {
    await this.changes.write(inInstance(scope), async (write) => {
      const api = await findApi(write, scope, apiId);
      if (!api) throw new ApiNotFound(apiId);
      const publications = await write.rows<{ id: string; online: number }>('SELECT id, online FROM publications WHERE api_id = ?', [
        apiId,
      ]);
      if (publications.some(({ online }) => online === 1)) throw new ApiPublished();
      await write.run('DELETE FROM apis WHERE id = ?', [apiId]);
      await this.record(write, caller, 'DeleteApi', api, { group_id: api.groupId, publications: publications.length });
      write.change('api', apiId, 'deleted');
      for (const { id } of publications) write.change('publication', id, 'deleted');
    });
  }

  /** @throws ApiNotFound, InstanceNotFound */
  async get(scope: InstanceScope, apiId: string): Promise<ApiView> {
    const row = await findIn<ApiRow>(this.database, scope, { select: API, from: FROM, joins: GROUP }, apiId, () => new ApiNotFound(apiId));
    const [online, around] = await Promise.all([this.onlineOf(scope, [apiId]), this.around(this.database, row.groupId)]);
    return toApiView(row, { online: online.get(apiId) ?? [], ...around });
  }

  /** Returns the APIs of a gateway, newest first. @throws InstanceNotFound */
  async list(scope: InstanceScope, query: ApiQuery): Promise<ApiListView> {
    const filters = new Filters()
      .equal('a.id', query.id)
      .equal('a.group_id', query.group_id)
      .equal('a.req_protocol', query.req_protocol)
      .equal('a.req_method', query.req_method)
      .equal('a.auth_type', query.auth_type)
      .equal('a.type', query.type)
      .named('a.name', query.name, isPrecise(query, 'name'))
      .named('a.req_uri', query.req_uri, isPrecise(query, 'req_uri'));
    if (query.env_id !== undefined) {
      filters.add('EXISTS (SELECT 1 FROM publications p WHERE p.api_id = a.id AND p.env_id = ? AND p.online = 1)', query.env_id);
    }
    if (query.vpc_channel_name !== undefined)
      await this.throughChannel(scope, filters, query.vpc_channel_name, isPrecise(query, 'vpc_channel_name'));
    const { total, rows } = await listOf<ApiRow>(this.database, scope, { select: API, from: FROM, joins: GROUP, filters }, query);
    const online = await this.onlineOf(
      scope,
      rows.map(({ id }) => id),
    );
    const domains = await domainsOf(this.database, [...new Set(rows.map(({ groupId }) => groupId))]);
    const { region } = this.config;
    const around = (row: ApiRow) => ({ online: online.get(row.id) ?? [], domains: domains.get(row.groupId) ?? [], region });
    return { total, size: rows.length, apis: rows.map((row) => toApiView(row, around(row))) };
  }

  /** Checks that a name, or a pair of method and path, is not in use. @throws ApiNameTaken, ApiPathTaken, InstanceNotFound */
  async check(scope: InstanceScope, { type, name, req_method, req_uri, group_id, api_id }: ApiCheckInput): Promise<void> {
    const taken = async (filters: Filters) => {
      if (group_id) filters.add('a.group_id = ?', group_id);
      if (api_id) filters.add('a.id <> ?', api_id);
      return (await listOf<ApiRow>(this.database, scope, { select: 'a.id', from: FROM, filters }, { limit: 1, offset: 0 })).total > 0;
    };
    if (type === 'path') {
      if (await taken(new Filters().equal('a.req_method', req_method).equal('a.req_uri', req_uri))) throw new ApiPathTaken();
    } else if (name !== undefined && (await taken(new Filters().equal('a.name', name)))) throw new ApiNameTaken(name);
  }

  /** Reads the fields of an API's group that a response contains. */
  private async around(db: Pick<Reads, 'rows'>, groupId: string) {
    const domains = await domainsOf(db, [groupId]);
    return { domains: domains.get(groupId) ?? [], region: this.config.region };
  }

  /** Returns where each of these APIs is online, in the order of first publication. */
  private async onlineOf(scope: InstanceScope, apiIds: readonly string[]): Promise<Map<string, OnlineIn[]>> {
    const found = new Map<string, OnlineIn[]>();
    for (const part of chunks(apiIds)) {
      const rows = await this.database.rows<OnlineIn & { apiId: string }>(
        `${SELECT_ONLINE} WHERE p.api_id IN (${placeholders(part)}) AND p.instance_id = ? AND p.project_id = ? AND p.online = 1 ORDER BY p.id`,
        [...part, scope.instanceId, scope.projectId],
      );
      for (const row of rows) found.set(row.apiId, [...(found.get(row.apiId) ?? []), row]);
    }
    return found;
  }

  /** A condition for the APIs whose definition refers to a channel with this name. */
  private async throughChannel(scope: InstanceScope, filters: Filters, name: string, precise: boolean): Promise<void> {
    const named = new Filters().named('c.name', name, precise);
    const ids = await this.database.rows<{ id: string }>(
      `SELECT c.id FROM vpc_channels c WHERE c.instance_id = ? AND c.project_id = ? ${named.sql}`,
      [scope.instanceId, scope.projectId, ...named.values],
    );
    if (ids.length === 0) filters.add('1 = 0');
    else {
      const uses = ids.map(({ id }) => usesChannel('a.definition', id));
      filters.add(`(${uses.map(({ sql }) => sql).join(' OR ')})`, ...uses.flatMap(({ values }) => values));
    }
  }

  /** @throws GroupNotFound */
  private async groupCapacity(write: Write, scope: InstanceScope, groupId: string): Promise<GroupCapacity> {
    const [capacity] = await write.rows<GroupCapacity>(CAPACITY, [scope.instanceId, groupId, scope.projectId]);
    if (!capacity) throw new GroupNotFound(groupId);
    return capacity;
  }

  /** The lock of the gateway ensures that the name stays unused until the commit. @throws ApiNameTaken, ApiPathTaken */
  private async assertFree(write: Write, apiId: string, { group_id, name, req_method, req_uri }: ApiInput): Promise<void> {
    const others = await write.rows<{ name: string }>(
      'SELECT name FROM apis WHERE group_id = ? AND id <> ? AND (name = ? OR (req_method = ? AND req_uri = ?))',
      [group_id, apiId, name, req_method, req_uri],
    );
    if (others.some((other) => other.name === name)) throw new ApiNameTaken(name);
    if (others.length > 0) throw new ApiPathTaken();
  }

  /** @throws VpcChannelNotFound */
  private async assertChannels(write: Write, scope: InstanceScope, definition: ApiDefinition): Promise<void> {
    for (const id of channelsOf(definition)) {
      const sql = 'SELECT 1 AS one FROM vpc_channels WHERE id = ? AND instance_id = ? AND project_id = ?';
      if ((await write.rows(sql, [id, scope.instanceId, scope.projectId])).length === 0) throw new VpcChannelNotFound(id);
    }
  }

  private record(
    write: Write,
    caller: Caller,
    action: AuditAction,
    api: { id: string; name: string },
    detail?: Record<string, unknown>,
  ): Promise<void> {
    return this.audit.record(write, caller, {
      action,
      resourceType: 'Api',
      resourceId: api.id,
      resourceName: api.name,
      ...(detail && { detail }),
    });
  }
}

/** The values that an input changes, in the order of the UPDATE. */
const valuesOf = (input: ApiInput, definition: ApiDefinition): Param[] => [
  input.group_id,
  input.name,
  input.type,
  input.req_protocol,
  input.req_method,
  input.req_uri,
  input.auth_type,
  input.remark ?? '',
  toJson(definition),
];

/** The row after the write. */
const rowOf = (id: string, input: ApiInput, definition: ApiDefinition, capacity: GroupCapacity, createdAt: number, updatedAt: number) => ({
  id,
  name: input.name,
  type: input.type,
  reqProtocol: input.req_protocol,
  reqMethod: input.req_method,
  reqUri: input.req_uri,
  authType: input.auth_type,
  remark: input.remark ?? '',
  definition: toJson(definition),
  createdAt,
  updatedAt,
  groupId: input.group_id,
  groupName: capacity.groupName,
  groupCreatedAt: capacity.groupCreatedAt,
  groupUpdatedAt: capacity.groupUpdatedAt,
  groupDomainEnabled: capacity.groupDomainEnabled,
});

const nameTaken =
  (name: string) =>
  (error: unknown): never => {
    throw violates(error, UNIQUE_NAME) ? new ApiNameTaken(name) : error;
  };
