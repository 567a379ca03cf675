import { Injectable } from '@nestjs/common';
import { AuditService } from '../audit/audit.service.js';
import { ChangesService, type Write } from '../changes/changes.service.js';
import { newId } from '../common/ids.js';
import { isPrecise, type Page } from '../common/pagination.js';
import type { Caller } from '../common/principal.js';
import type { InstanceScope } from '../common/scope.js';
import { Config } from '../config/config.js';
import { Database } from '../database/database.js';
import { violates } from '../database/errors.js';
import { inInstance } from '../instances/instance-scope.js';
import { VpcChannelInUse, VpcChannelNameTaken, VpcChannelNotFound, VpcChannelQuotaExceeded } from './apis.errors.js';
import { limitsOf } from './limits.js';
import { Filters, findIn, fromJson, listOf, toJson } from './listing.js';
import {
  type ChannelDefinition,
  type ChannelMembersInput,
  type ChannelMembersView,
  type ChannelRow,
  channelDefinitionOf,
  mergeMembers,
  toChannelView,
  type VpcChannelInput,
  type VpcChannelListView,
  type VpcChannelQuery,
  type VpcChannelView,
} from './vpc-channels.dto.js';

const UNIQUE_NAME = { name: 'uq_vpc_channels_instance_name', columns: 'vpc_channels.instance_id, vpc_channels.name' };
const SELECT = 'c.id, c.name, c.definition, c.created_at AS createdAt';
const FROM = 'vpc_channels c';

/** Load balance channels, kept as data so that APIs can refer to them (apig §3.5). */
@Injectable()
export class VpcChannelsService {
  constructor(
    private readonly database: Database,
    private readonly changes: ChangesService,
    private readonly audit: AuditService,
    private readonly config: Config,
  ) {}

  /** @throws VpcChannelQuotaExceeded, VpcChannelNameTaken, InstanceNotFound */
  create(scope: InstanceScope, input: VpcChannelInput, caller: Caller): Promise<VpcChannelView> {
    const id = newId();
    const limits = limitsOf(this.config);
    const definition = toJson(channelDefinitionOf(input, limits));
    return this.changes.write(inInstance(scope), async (write) => {
      const [quota] = await write.rows<{ used: number }>('SELECT COUNT(*) AS used FROM vpc_channels WHERE instance_id = ?', [
        scope.instanceId,
      ]);
      if ((quota?.used ?? 0) >= limits('VPC_NUM_LIMIT')) throw new VpcChannelQuotaExceeded();
      const sql = 'INSERT INTO vpc_channels (id, project_id, instance_id, name, definition, created_at) VALUES (?, ?, ?, ?, ?, ?)';
      await write.run(sql, [id, scope.projectId, scope.instanceId, input.name, definition, write.now]).catch(nameTaken);
      await this.note(write, caller, 'CreateVpcChannel', { id, name: input.name });
      write.change('channel', id, 'created');
      return toChannelView({ id, name: input.name, definition, createdAt: write.now }, write.now);
    });
  }

  /** Replaces a channel; its members stay when none are named. @throws VpcChannelNotFound, VpcChannelNameTaken, InstanceNotFound */
  update(scope: InstanceScope, channelId: string, input: VpcChannelInput, caller: Caller): Promise<VpcChannelView> {
    return this.changes.write(inInstance(scope), async (write) => {
      const before = await this.find(write, scope, channelId);
      const definition = toJson(channelDefinitionOf(input, limitsOf(this.config), fromJson<ChannelDefinition>(before.definition)));
      await write
        .run('UPDATE vpc_channels SET name = ?, definition = ? WHERE id = ?', [input.name, definition, channelId])
        .catch(nameTaken);
      await this.note(write, caller, 'UpdateVpcChannel', { id: channelId, name: input.name });
      write.change('channel', channelId, 'updated');
      return toChannelView({ ...before, name: input.name, definition });
    });
  }

  /** Deletes a channel that no API's definition refers to. @throws VpcChannelNotFound, VpcChannelInUse, InstanceNotFound */
  async delete(scope: InstanceScope, channelId: string, caller: Caller): Promise<void> {
    await this.changes.write(inInstance(scope), async (write) => {
      const channel = await this.find(write, scope, channelId);
      const sql = 'SELECT 1 AS one FROM apis WHERE instance_id = ? AND definition LIKE ? LIMIT 1';
      if ((await write.rows(sql, [scope.instanceId, `%"${channelId}"%`])).length > 0) throw new VpcChannelInUse();
      await write.run('DELETE FROM vpc_channels WHERE id = ?', [channelId]);
      await this.note(write, caller, 'DeleteVpcChannel', channel);
      write.change('channel', channelId, 'deleted');
    });
  }

  /** @throws VpcChannelNotFound, InstanceNotFound */
  async get(scope: InstanceScope, channelId: string): Promise<VpcChannelView> {
    const missing = () => new VpcChannelNotFound(channelId);
    return toChannelView(await findIn<ChannelRow>(this.database, scope, { select: SELECT, from: FROM }, channelId, missing));
  }

  /** Channels of a gateway, newest first. @throws InstanceNotFound */
  async list(scope: InstanceScope, query: VpcChannelQuery): Promise<VpcChannelListView> {
    const filters = new Filters().equal('c.id', query.id).named('c.name', query.name, isPrecise(query, 'name'));
    const { total, rows } = await listOf<ChannelRow>(this.database, scope, { select: SELECT, from: FROM, filters }, query);
    return { total, size: rows.length, vpc_channels: rows.map((row) => toChannelView(row)) };
  }

  /** @throws VpcChannelNotFound, InstanceNotFound */
  async members(scope: InstanceScope, channelId: string, { limit, offset }: Page): Promise<ChannelMembersView> {
    const { members } = await this.get(scope, channelId);
    const page = members.slice(offset, offset + limit);
    return { total: members.length, size: page.length, members: page };
  }

  /** Adds members, or gives those that are there new values. @throws VpcChannelNotFound, InstanceNotFound */
  addMembers(scope: InstanceScope, channelId: string, input: ChannelMembersInput, caller: Caller): Promise<ChannelMembersView> {
    return this.changes.write(inInstance(scope), async (write) => {
      const channel = await this.find(write, scope, channelId);
      const before = fromJson<ChannelDefinition>(channel.definition);
      const definition = toJson({ ...before, members: mergeMembers(before.members, input.members, limitsOf(this.config)) });
      await write.run('UPDATE vpc_channels SET definition = ? WHERE id = ?', [definition, channelId]);
      await this.note(write, caller, 'UpdateVpcChannel', channel);
      write.change('channel', channelId, 'updated');
      const { members } = toChannelView({ ...channel, definition });
      return { total: members.length, size: members.length, members };
    });
  }

  private async find(write: Write, scope: InstanceScope, channelId: string): Promise<ChannelRow> {
    const sql = `SELECT ${SELECT} FROM ${FROM} WHERE c.id = ? AND c.instance_id = ? AND c.project_id = ?`;
    const [channel] = await write.rows<ChannelRow>(sql, [channelId, scope.instanceId, scope.projectId]);
    if (!channel) throw new VpcChannelNotFound(channelId);
    return channel;
  }

  private note(write: Write, caller: Caller, action: string, channel: { id: string; name: string }): Promise<void> {
    return this.audit.record(write, caller, { action, resourceType: 'VpcChannel', resourceId: channel.id, resourceName: channel.name });
  }
}

function nameTaken(error: unknown): never {
  throw violates(error, UNIQUE_NAME) ? new VpcChannelNameTaken() : error;
}
