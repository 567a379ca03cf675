import { Injectable } from '@nestjs/common';
import type { AuditAction } from '../../platform/audit/actions.js';
import { AuditService } from '../../platform/audit/audit.service.js';
import { ChangesService, type Write } from '../../platform/changes/changes.service.js';
import { invalid } from '../../platform/common/api-error.js';
import { isPrecise } from '../../platform/common/pagination.js';
import type { Caller } from '../../platform/common/principal.js';
import type { InstanceScope } from '../../platform/common/scope.js';
import { Config } from '../../platform/config/config.js';
import { Database } from '../../platform/database/database.js';
import { violates } from '../../platform/database/errors.js';
import { inInstance } from '../instances/instance-scope.js';
import { ChannelMemberNotFound, VpcChannelNotFound } from './apis.errors.js';
import { assertGroupWeights, assertReferences, contentOf, deleteGroups, groupFields, putGroups } from './channel-contents.js';
import {
  type AddGroupsInput,
  GROUP_WEIGHT_MAX,
  type GroupRow,
  MEMBER_GROUP,
  type MemberGroupInput,
  type MemberGroupsQuery,
  type MemberGroupsView,
  type MemberGroupView,
  toGroupView,
} from './channel-groups.dto.js';
import { assertWeights } from './channel-members.dto.js';
import { limitsOf } from './limits.js';
import { Filters, findIn, listOf } from './listing.js';
import { CHANNEL, type ChannelRow } from './vpc-channels.dto.js';
import { findChannel } from './vpc-channels.service.js';

const UNIQUE_NAME = { name: 'uq_vpc_channel_groups_name', columns: 'vpc_channel_groups.channel_id, vpc_channel_groups.name' };
const SELECT = MEMBER_GROUP.select;
const FROM = 'vpc_channel_groups g';

/** Groups of servers of load balance channels (docs/contracts/apig.md §3.8). */
@Injectable()
export class ChannelGroupsService {
  constructor(
    private readonly database: Database,
    private readonly changes: ChangesService,
    private readonly audit: AuditService,
    private readonly config: Config,
  ) {}

  /** Returns the groups of a channel, oldest first. @throws VpcChannelNotFound, InstanceNotFound */
  async list(scope: InstanceScope, channelId: string, query: MemberGroupsQuery): Promise<MemberGroupsView> {
    const filters = new Filters()
      .equal('g.channel_id', channelId)
      .named('g.name', query.member_group_name, isPrecise(query, 'member_group_name'));
    return this.database.snapshot(async (reads) => {
      const missing = () => new VpcChannelNotFound(channelId);
      await findIn<ChannelRow>(reads, scope, { select: CHANNEL.select, from: 'vpc_channels c' }, channelId, missing);
      const { total, rows } = await listOf<GroupRow>(reads, scope, { select: SELECT, from: FROM, filters, order: 'g.id' }, query);
      return { total, size: rows.length, member_groups: rows.map(toGroupView) };
    });
  }

  /** @throws VpcChannelNotFound, ChannelMemberNotFound, InstanceNotFound */
  async get(scope: InstanceScope, channelId: string, groupId: string): Promise<MemberGroupView> {
    return this.database.snapshot(async (reads) => {
      const missing = () => new VpcChannelNotFound(channelId);
      await findIn<ChannelRow>(reads, scope, { select: CHANNEL.select, from: 'vpc_channels c' }, channelId, missing);
      const group = (await contentOf(reads, channelId)).groups.find(({ id }) => id === groupId);
      if (!group) throw new ChannelMemberNotFound(groupId);
      return toGroupView(group);
    });
  }

  /**
   * Adds groups, or replaces existing ones. Returns the groups of the request in its order, because clients use the first one.
   * @throws VpcChannelNotFound, WeightOutOfRange, InstanceNotFound, and the errors of {@link putGroups}
   */
  add(scope: InstanceScope, channelId: string, { member_groups }: AddGroupsInput, caller: Caller): Promise<MemberGroupsView> {
    assertGroupWeights(member_groups);
    return this.changes.write(inInstance(scope), async (write) => {
      const channel = await findChannel(write, scope, channelId);
      await putGroups(write, scope, channelId, member_groups, { replace: false, limits: limitsOf(this.config) });
      const { groups } = await contentOf(write, channelId);
      const names = new Set(member_groups.map(({ member_group_name }) => member_group_name));
      const named = [...names].flatMap((name) => groups.find((group) => group.name === name) ?? []);
      await this.record(write, caller, 'CreateMemberGroup', channel, { member_group_ids: named.map(({ id }) => id) });
      return { total: named.length, size: named.length, member_groups: named.map(toGroupView) };
    });
  }

  /**
   * Replaces the fields of a group. If its name changes, its members stay in it.
   * @throws VpcChannelNotFound, ChannelMemberNotFound, WeightOutOfRange, InstanceNotFound, ApiFault `invalid` for a name that exists
   */
  update(scope: InstanceScope, channelId: string, groupId: string, input: MemberGroupInput, caller: Caller): Promise<MemberGroupView> {
    assertWeights([input.member_group_weight], GROUP_WEIGHT_MAX, () => 'member_group_weight');
    return this.changes.write(inInstance(scope), async (write) => {
      const channel = await findChannel(write, scope, channelId);
      const before = await this.find(write, channelId, groupId);
      await assertReferences(write, scope, [input]);
      const after = { ...before, ...groupFields(input), updatedAt: write.now };
      await write
        .run('UPDATE vpc_channel_groups SET name = ?, reference_id = ?, definition = ?, updated_at = ? WHERE id = ?', [
          after.name,
          after.referenceId,
          after.definition,
          write.now,
          groupId,
        ])
        .catch(nameTaken);
      await this.record(write, caller, 'UpdateMemberGroup', channel, { member_group_ids: [groupId] });
      return toGroupView(after);
    });
  }

  /** Deletes a group and its members. @throws VpcChannelNotFound, ChannelMemberNotFound, InstanceNotFound */
  async delete(scope: InstanceScope, channelId: string, groupId: string, caller: Caller): Promise<void> {
    await this.changes.write(inInstance(scope), async (write) => {
      const channel = await findChannel(write, scope, channelId);
      await this.find(write, channelId, groupId);
      const { members } = await contentOf(write, channelId);
      const member_ids = members.filter((member) => member.groupId === groupId).map(({ id }) => id);
      await deleteGroups(write, [groupId]);
      await this.record(write, caller, 'DeleteMemberGroup', channel, { member_group_ids: [groupId], member_ids });
    });
  }

  private async find(write: Write, channelId: string, groupId: string): Promise<GroupRow> {
    const sql = `SELECT ${SELECT} FROM ${FROM} WHERE g.id = ? AND g.channel_id = ?`;
    const [group] = await write.rows<GroupRow>(sql, [groupId, channelId]);
    if (!group) throw new ChannelMemberNotFound(groupId);
    return group;
  }

  private async record(
    write: Write,
    caller: Caller,
    action: AuditAction,
    { id, name }: { id: string; name: string },
    detail: Record<string, unknown>,
  ): Promise<void> {
    await this.audit.record(write, caller, { action, resourceType: 'VpcChannel', resourceId: id, resourceName: name, detail });
    write.change('channel', id, 'updated');
  }
}

function nameTaken(error: unknown): never {
  throw violates(error, UNIQUE_NAME) ? invalid('member_group_name') : error;
}
