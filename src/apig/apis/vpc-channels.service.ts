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
import { columnsOf } from '../../platform/database/columns.js';
import type { Param } from '../../platform/database/tx.js';
import { inInstance } from '../instances/instance-scope.js';
import { ChannelTypeRefuses, VpcChannelInUse, VpcChannelNameTaken, VpcChannelNotFound, VpcChannelQuotaExceeded } from './apis.errors.js';
import {
  assertGroupWeights,
  assertMemberWeights,
  contentOf,
  contentsOf,
  NOTHING,
  putGroups,
  putMembers,
  settlePorts,
} from './channel-contents.js';
import { limitsOf } from './limits.js';
import { Filters, findIn, fromJson, hasField, listOf, toJson, usesChannel } from './listing.js';
import {
  CHANNEL,
  type ChannelDefinition,
  type ChannelRow,
  channelDefinitionOf,
  type HealthConfigInput,
  type HealthConfigView,
  healthOf,
  toChannelView,
  toHealthView,
  type VpcChannelInput,
  type VpcChannelListView,
  type VpcChannelQuery,
  type VpcChannelView,
} from './vpc-channels.dto.js';
import { VpcChannel } from './vpc-channel.entity.js';

const UNIQUE_NAME = { name: 'uq_vpc_channels_instance_name', columns: 'vpc_channels.instance_id, vpc_channels.name' };
const NEW_CHANNEL = columnsOf(VpcChannel).all();
const SELECT = CHANNEL.select;
const FROM = 'vpc_channels c';

/** Reads a channel inside a write. @throws VpcChannelNotFound */
export async function findChannel(write: Write, scope: InstanceScope, channelId: string): Promise<ChannelRow> {
  const sql = `SELECT ${SELECT} FROM ${FROM} WHERE c.id = ? AND c.instance_id = ? AND c.project_id = ?`;
  const [channel] = await write.rows<ChannelRow>(sql, [channelId, scope.instanceId, scope.projectId]);
  if (!channel) throw new VpcChannelNotFound(channelId);
  return channel;
}

/** Load balance channels. Signet only stores them, so that APIs can refer to them (docs/contracts/apig.md §3.8). */
@Injectable()
export class VpcChannelsService {
  constructor(
    private readonly database: Database,
    private readonly changes: ChangesService,
    private readonly audit: AuditService,
    private readonly config: Config,
  ) {}

  /**
   * Creates a channel with its groups and members.
   * @throws VpcChannelQuotaExceeded, VpcChannelNameTaken, WeightOutOfRange, InstanceNotFound, and the errors of {@link putGroups} and
   * {@link putMembers}
   */
  create(scope: InstanceScope, input: VpcChannelInput, caller: Caller): Promise<VpcChannelView> {
    const id = newId();
    const limits = limitsOf(this.config);
    const { member_groups = [], members = [] } = input;
    assertGroupWeights(member_groups);
    assertMemberWeights(members);
    return this.changes.write(inInstance(scope), async (write) => {
      const [quota] = await write.rows<{ used: number }>('SELECT COUNT(*) AS used FROM vpc_channels WHERE instance_id = ?', [
        scope.instanceId,
      ]);
      if ((quota?.used ?? 0) >= limits('VPC_NUM_LIMIT')) throw new VpcChannelQuotaExceeded();
      const { projectId, instanceId } = scope;
      const definition = channelDefinitionOf(input, write.now);
      const row = { id, name: input.name, definition: toJson(definition), createdAt: write.now };
      await write.run(NEW_CHANNEL.insert(), NEW_CHANNEL.values({ ...row, projectId, instanceId })).catch(nameTaken);
      await putGroups(write, scope, id, member_groups, { replace: false, limits });
      await putMembers(write, scope, { id, definition }, members, { replace: false, limits });
      await this.record(write, caller, 'CreateVpcChannel', row);
      write.change('channel', id, 'created');
      return toChannelView(row, await contentOf(write, id), write.now);
    });
  }

  /**
   * Replaces a channel. If the input omits the groups or the members, they stay; an empty list deletes them.
   * @throws VpcChannelNotFound, VpcChannelNameTaken, WeightOutOfRange, InstanceNotFound, and the errors of {@link putGroups} and {@link
   * putMembers}
   */
  update(scope: InstanceScope, channelId: string, input: VpcChannelInput, caller: Caller): Promise<VpcChannelView> {
    const change = { replace: true, limits: limitsOf(this.config) };
    const { member_groups, members } = input;
    assertGroupWeights(member_groups ?? []);
    assertMemberWeights(members ?? []);
    return this.changes.write(inInstance(scope), async (write) => {
      const before = await findChannel(write, scope, channelId);
      const old = fromJson<ChannelDefinition>(before.definition);
      const definition = channelDefinitionOf(input, write.now, old);
      const row = { ...before, name: input.name, definition: toJson(definition) };
      await write
        .run('UPDATE vpc_channels SET name = ?, definition = ? WHERE id = ?', [row.name, row.definition, channelId])
        .catch(nameTaken);
      if (!old.port) await settlePorts(write, channelId, definition.port ?? 0);
      if (member_groups) await putGroups(write, scope, channelId, member_groups, change);
      if (members) await putMembers(write, scope, { id: channelId, definition }, members, change);
      const content = await contentOf(write, channelId);
      if (definition.vpc_channel_type === 'reference' && content.members.length > 0) throw new ChannelTypeRefuses();
      await this.record(write, caller, 'UpdateVpcChannel', row);
      write.change('channel', channelId, 'updated');
      return toChannelView(row, content);
    });
  }

  /** Sets the health check of a channel. @throws VpcChannelNotFound, InstanceNotFound */
  setHealthConfig(scope: InstanceScope, channelId: string, input: HealthConfigInput, caller: Caller): Promise<HealthConfigView> {
    return this.changes.write(inInstance(scope), async (write) => {
      const channel = await findChannel(write, scope, channelId);
      const before = fromJson<ChannelDefinition>(channel.definition);
      const health = healthOf(input, write.now, before.vpc_health_config);
      const definition = toJson({ ...before, vpc_health_config: health });
      await write.run('UPDATE vpc_channels SET definition = ? WHERE id = ?', [definition, channelId]);
      await this.record(write, caller, 'UpdateHealthCheck', channel);
      write.change('channel', channelId, 'updated');
      return toHealthView(health, channelId);
    });
  }

  /**
   * Deletes a channel, if neither the definition of an API nor another channel refers to it.
   * @throws VpcChannelNotFound, VpcChannelInUse, InstanceNotFound
   */
  async delete(scope: InstanceScope, channelId: string, caller: Caller): Promise<void> {
    await this.changes.write(inInstance(scope), async (write) => {
      const channel = await findChannel(write, scope, channelId);
      const inBackend = usesChannel('definition', channelId);
      const byApis = `SELECT 1 AS one FROM apis WHERE instance_id = ? AND ${inBackend.sql} LIMIT 1`;
      const byGroups = 'SELECT 1 AS one FROM vpc_channel_groups WHERE instance_id = ? AND reference_id = ? AND channel_id <> ? LIMIT 1';
      if (
        (await write.rows(byApis, [scope.instanceId, ...inBackend.values])).length > 0 ||
        (await write.rows(byGroups, [scope.instanceId, channelId, channelId])).length > 0
      )
        throw new VpcChannelInUse();
      await write.run('DELETE FROM vpc_channels WHERE id = ?', [channelId]);
      await this.record(write, caller, 'DeleteVpcChannel', channel);
      write.change('channel', channelId, 'deleted');
    });
  }

  /** @throws VpcChannelNotFound, InstanceNotFound */
  async get(scope: InstanceScope, channelId: string): Promise<VpcChannelView> {
    const missing = () => new VpcChannelNotFound(channelId);
    return this.database.snapshot(async (reads) => {
      const row = await findIn<ChannelRow>(reads, scope, { select: SELECT, from: FROM }, channelId, missing);
      return toChannelView(row, await contentOf(reads, channelId));
    });
  }

  /** Returns the channels of a gateway, newest first. @throws InstanceNotFound */
  async list(scope: InstanceScope, query: VpcChannelQuery): Promise<VpcChannelListView> {
    const filters = new Filters().equal('c.id', query.id).named('c.name', query.name, isPrecise(query, 'name'));
    if (query.vpc_channel_type !== undefined) {
      const { sql, values } = hasField('c.definition', 'vpc_channel_type', query.vpc_channel_type);
      filters.add(sql, ...values);
    }
    const withMember = (sql: string, value: Param) =>
      filters.add(`EXISTS (SELECT 1 FROM vpc_channel_members m WHERE m.channel_id = c.id AND ${sql})`, value);
    if (query.member_host !== undefined) withMember('m.host = ?', query.member_host);
    if (query.member_port !== undefined) withMember('m.port = ?', query.member_port);
    const { sql, values } = new Filters()
      .equal('g.id', query.member_group_id)
      .named('g.name', query.member_group_name, isPrecise(query, 'member_group_name'));
    if (sql !== '') filters.add(`EXISTS (SELECT 1 FROM vpc_channel_groups g WHERE g.channel_id = c.id ${sql})`, ...values);
    return this.database.snapshot(async (reads) => {
      const { total, rows } = await listOf<ChannelRow>(reads, scope, { select: SELECT, from: FROM, filters }, query);
      const contents = await contentsOf(
        reads,
        rows.map(({ id }) => id),
      );
      return { total, size: rows.length, vpc_channels: rows.map((row) => toChannelView(row, contents.get(row.id) ?? NOTHING)) };
    });
  }

  private record(write: Write, caller: Caller, action: AuditAction, channel: { id: string; name: string }): Promise<void> {
    return this.audit.record(write, caller, { action, resourceType: 'VpcChannel', resourceId: channel.id, resourceName: channel.name });
  }
}

function nameTaken(error: unknown): never {
  throw violates(error, UNIQUE_NAME) ? new VpcChannelNameTaken() : error;
}
