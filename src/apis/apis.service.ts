import { Injectable } from '@nestjs/common';
import { AuditService } from '../audit/audit.service.js';
import { ChangesService, type Write } from '../changes/changes.service.js';
import { newId } from '../common/ids.js';
import { isPrecise } from '../common/pagination.js';
import type { Caller } from '../common/principal.js';
import type { InstanceScope } from '../common/scope.js';
import { Config } from '../config/config.js';
import { Database } from '../database/database.js';
import { violates } from '../database/errors.js';
import { chunks, type Param, placeholders } from '../database/tx.js';
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
import { API, type ApiListView, type ApiRow, type ApiView, type OnlineIn, toApiView } from './apis.views.js';
import { limitsOf } from './limits.js';
import { Filters, findIn, fromJson, listOf, toJson } from './listing.js';

const UNIQUE_NAME = { name: 'uq_apis_group_name', columns: 'apis.group_id, apis.name' };
const FROM = 'apis a';
const GROUP = 'LEFT JOIN api_groups g ON g.id = a.group_id';
const COLUMNS =
  'id, project_id, instance_id, group_id, name, type, req_protocol, req_method, req_uri, auth_type, remark, definition, created_at, updated_at';
const ONLINE = `SELECT p.api_id AS apiId, p.id AS publishId, p.env_id AS envId, e.name AS envName, p.published_at AS publishedAt
  FROM publications p JOIN environments e ON e.instance_id = p.instance_id AND e.id = p.env_id`;

/** An API as a write finds it, or undefined when the gateway has none of this id. */
export async function findApi(write: Write, scope: InstanceScope, apiId: string): Promise<ApiRow | undefined> {
  const sql = `SELECT ${API} FROM ${FROM} ${GROUP} WHERE a.id = ? AND a.instance_id = ? AND a.project_id = ?`;
  const [api] = await write.rows<ApiRow>(sql, [apiId, scope.instanceId, scope.projectId]);
  return api;
}

/** A group with what decides whether an API may be in it. */
interface GroupRoom {
  groupName: string;
  groupCreatedAt: number;
  groupUpdatedAt: number;
  spec: string;
  inGateway: number;
  inGroup: number;
}

/** APIs: apig §3.5. What runs is what a publication froze; here is what is being edited. */
@Injectable()
export class ApisService {
  constructor(
    private readonly database: Database,
    private readonly changes: ChangesService,
    private readonly audit: AuditService,
    private readonly config: Config,
  ) {}

  /**
   * @throws GroupNotFound, VpcChannelNotFound, ApiNameTaken, ApiPathTaken, ApiQuotaExceeded, ApisPerGroupQuotaExceeded,
   * InstanceNotFound, and as {@link definitionOf}
   */
  create(scope: InstanceScope, input: ApiInput, caller: Caller): Promise<ApiView> {
    const id = newId();
    const definition = definitionOf(input, limitsOf(this.config));
    return this.changes.write(inInstance(scope), async (write) => {
      const room = await this.assertRoom(write, scope, input.group_id);
      const limits = limitsOf(this.config, room.spec);
      if (room.inGateway >= limits('API_NUM_LIMIT')) throw new ApiQuotaExceeded();
      if (room.inGroup >= limits('API_NUM_LIMIT_PER_GROUP')) throw new ApisPerGroupQuotaExceeded();
      await this.assertFree(write, id, input);
      await this.assertChannels(write, scope, definition);
      const values = [scope.projectId, scope.instanceId, ...columnsOf(input, definition), write.now, write.now];
      await write.run(`INSERT INTO apis (${COLUMNS}) VALUES (?, ${placeholders(values)})`, [id, ...values]).catch(nameTaken(input.name));
      await this.note(write, caller, 'CreateApi', { id, name: input.name }, { group_id: input.group_id });
      write.change('api', id, 'created');
      return toApiView(rowOf(id, input, definition, room, write.now, write.now), [], this.config.region, write.now);
    });
  }

  /** Replaces the definition; what is online stays as it was published. @throws ApiNotFound, and as create */
  update(scope: InstanceScope, apiId: string, input: ApiInput, caller: Caller): Promise<ApiView> {
    return this.changes.write(inInstance(scope), async (write) => {
      const limits = limitsOf(this.config);
      const before = await findApi(write, scope, apiId);
      if (!before) throw new ApiNotFound(apiId);
      const definition = definitionOf(input, limits, fromJson<ApiDefinition>(before.definition));
      const room = await this.assertRoom(write, scope, input.group_id);
      if (before.groupId !== input.group_id && room.inGroup >= limits('API_NUM_LIMIT_PER_GROUP')) throw new ApisPerGroupQuotaExceeded();
      await this.assertFree(write, apiId, input);
      await this.assertChannels(write, scope, definition);
      const sets =
        'group_id = ?, name = ?, type = ?, req_protocol = ?, req_method = ?, req_uri = ?, auth_type = ?, remark = ?, definition = ?, updated_at = ?';
      await write
        .run(`UPDATE apis SET ${sets} WHERE id = ?`, [...columnsOf(input, definition), write.now, apiId])
        .catch(nameTaken(input.name));
      await this.note(write, caller, 'UpdateApi', { id: apiId, name: input.name });
      write.change('api', apiId, 'updated');
      const online = await write.rows<OnlineIn>(`${ONLINE} WHERE p.api_id = ? AND p.online = 1 ORDER BY p.id`, [apiId]);
      return toApiView(rowOf(apiId, input, definition, room, before.createdAt, write.now), online, this.config.region, write.now);
    });
  }

  /**
   * Deletes an API that is online nowhere. Publications that are offline, their bindings and its versions go with it, by
   * foreign keys.
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
      await this.note(write, caller, 'DeleteApi', api, { group_id: api.groupId, publications: publications.length });
      write.change('api', apiId, 'deleted');
      for (const { id } of publications) write.change('publication', id, 'deleted');
    });
  }

  /** @throws ApiNotFound, InstanceNotFound */
  async get(scope: InstanceScope, apiId: string): Promise<ApiView> {
    const row = await findIn<ApiRow>(this.database, scope, { select: API, from: FROM, joins: GROUP }, apiId, () => new ApiNotFound(apiId));
    return toApiView(row, await this.onlineOf(scope, [apiId]).then((online) => online.get(apiId) ?? []), this.config.region);
  }

  /** APIs of a gateway, newest first. @throws InstanceNotFound */
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
    return { total, size: rows.length, apis: rows.map((row) => toApiView(row, online.get(row.id) ?? [], this.config.region)) };
  }

  /** Whether an API could have this name, or this method and path: nothing, or an error. @throws ApiNameTaken, ApiPathTaken, InstanceNotFound */
  async check(scope: InstanceScope, { type, name, req_method, req_uri, group_id, api_id }: ApiCheckInput): Promise<void> {
    const taken = async (filters: Filters) => {
      if (group_id) filters.add('a.group_id = ?', group_id);
      if (api_id) filters.add('a.id <> ?', api_id);
      return (await listOf<ApiRow>(this.database, scope, { select: 'a.id', from: FROM, filters }, { limit: 1, offset: 0 })).total > 0;
    };
    if (type !== 'path' && name !== undefined && (await taken(new Filters().equal('a.name', name)))) throw new ApiNameTaken(name);
    if (type === 'name' || req_method === undefined || req_uri === undefined) return;
    if (await taken(new Filters().equal('a.req_method', req_method).equal('a.req_uri', req_uri))) throw new ApiPathTaken();
  }

  /** Where each of these APIs is online, in the order of first publication. */
  private async onlineOf(scope: InstanceScope, apiIds: readonly string[]): Promise<Map<string, OnlineIn[]>> {
    const found = new Map<string, OnlineIn[]>();
    for (const part of chunks(apiIds)) {
      const rows = await this.database.rows<OnlineIn & { apiId: string }>(
        `${ONLINE} WHERE p.api_id IN (${placeholders(part)}) AND p.instance_id = ? AND p.project_id = ? AND p.online = 1 ORDER BY p.id`,
        [...part, scope.instanceId, scope.projectId],
      );
      for (const row of rows) found.set(row.apiId, [...(found.get(row.apiId) ?? []), row]);
    }
    return found;
  }

  /** A definition names its channels by id, so the ids are what stands between quotes in its JSON. */
  private async throughChannel(scope: InstanceScope, filters: Filters, name: string, precise: boolean): Promise<void> {
    const named = new Filters().named('c.name', name, precise);
    const ids = await this.database.rows<{ id: string }>(
      `SELECT c.id FROM vpc_channels c WHERE c.instance_id = ? AND c.project_id = ? ${named.sql}`,
      [scope.instanceId, scope.projectId, ...named.values],
    );
    if (ids.length === 0) filters.add('1 = 0');
    else filters.add(`(${ids.map(() => 'a.definition LIKE ?').join(' OR ')})`, ...ids.map(({ id }) => `%"${id}"%`));
  }

  /** @throws GroupNotFound */
  private async assertRoom(write: Write, scope: InstanceScope, groupId: string): Promise<GroupRoom> {
    const [room] = await write.rows<GroupRoom>(
      `SELECT g.name AS groupName, g.created_at AS groupCreatedAt, g.updated_at AS groupUpdatedAt, i.spec,
         (SELECT COUNT(*) FROM apis a WHERE a.instance_id = i.id) AS inGateway, (SELECT COUNT(*) FROM apis a WHERE a.group_id = g.id) AS inGroup
       FROM instances i JOIN api_groups g ON g.instance_id = i.id WHERE i.id = ? AND g.id = ? AND g.project_id = ?`,
      [scope.instanceId, groupId, scope.projectId],
    );
    if (!room) throw new GroupNotFound(groupId);
    return room;
  }

  /** The gateway's lock is held, so what is free now stays free until the end. @throws ApiNameTaken, ApiPathTaken */
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

  private note(
    write: Write,
    caller: Caller,
    action: string,
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

/** What an input writes, in the order of the columns from `group_id` to `definition`. */
const columnsOf = (input: ApiInput, definition: ApiDefinition): Param[] => [
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

/** The row that an input has just become. */
const rowOf = (id: string, input: ApiInput, definition: ApiDefinition, room: GroupRoom, createdAt: number, updatedAt: number): ApiRow => ({
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
  groupName: room.groupName,
  groupCreatedAt: room.groupCreatedAt,
  groupUpdatedAt: room.groupUpdatedAt,
});

const nameTaken =
  (name: string) =>
  (error: unknown): never => {
    throw violates(error, UNIQUE_NAME) ? new ApiNameTaken(name) : error;
  };
