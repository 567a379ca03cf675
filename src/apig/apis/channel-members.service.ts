import { Injectable } from '@nestjs/common';
import type { AuditAction } from '../../platform/audit/actions.js';
import { AuditService } from '../../platform/audit/audit.service.js';
import { ChangesService, type Write } from '../../platform/changes/changes.service.js';
import { isPrecise } from '../../platform/common/pagination.js';
import type { Caller } from '../../platform/common/principal.js';
import type { InstanceScope } from '../../platform/common/scope.js';
import { Config } from '../../platform/config/config.js';
import { Database } from '../../platform/database/database.js';
import { chunks, placeholders } from '../../platform/database/tx.js';
import { inInstance } from '../instances/instance-scope.js';
import { VpcChannelNotFound, ChannelMemberNotFound } from './apis.errors.js';
import { assertMemberWeights, contentOf, putMembers } from './channel-contents.js';
import {
  type AddMembersInput,
  JOIN_GROUP,
  MEMBER,
  type MemberRow,
  type MembersQuery,
  type MembersView,
  type ReplaceMembersInput,
  toMemberView,
} from './channel-members.dto.js';
import { limitsOf } from './limits.js';
import { Filters, findIn, fromJson, listOf } from './listing.js';
import { CHANNEL, type ChannelDefinition, type ChannelRow } from './vpc-channels.dto.js';
import { findChannel } from './vpc-channels.service.js';

/** The servers of load balance channels (docs/contracts/apig.md §3.8). */
@Injectable()
export class ChannelMembersService {
  constructor(
    private readonly database: Database,
    private readonly changes: ChangesService,
    private readonly audit: AuditService,
    private readonly config: Config,
  ) {}

  /** Returns the members of a channel, oldest first. @throws VpcChannelNotFound, InstanceNotFound */
  async list(scope: InstanceScope, channelId: string, query: MembersQuery): Promise<MembersView> {
    const filters = new Filters()
      .equal('m.channel_id', channelId)
      .equal('m.group_id', query.member_group_id)
      .named('m.ecs_name', query.name, isPrecise(query, 'name'));
    if (query.member_group_name !== undefined) {
      const named = new Filters().named('named.name', query.member_group_name, isPrecise(query, 'member_group_name'));
      filters.add(
        `m.group_id IN (SELECT named.id FROM vpc_channel_groups named WHERE named.channel_id = ? ${named.sql})`,
        channelId,
        ...named.values,
      );
    }
    const listing = { select: MEMBER, from: 'vpc_channel_members m', joins: JOIN_GROUP, filters, order: 'm.id' } as const;
    const missing = () => new VpcChannelNotFound(channelId);
    return this.database.snapshot(async (reads) => {
      const channel = await findIn<ChannelRow>(reads, scope, { select: CHANNEL.select, from: 'vpc_channels c' }, channelId, missing);
      const { total, rows } = await listOf<MemberRow>(reads, scope, listing, query);
      const { port } = fromJson<ChannelDefinition>(channel.definition);
      return { total, size: rows.length, members: rows.map((row) => toMemberView(row, port)) };
    });
  }

  /**
   * Adds members, or changes existing ones. Returns all members, because clients search the response for their own.
   * @throws VpcChannelNotFound, WeightOutOfRange, InstanceNotFound, and the errors of {@link putMembers}
   */
  add(scope: InstanceScope, channelId: string, { members }: AddMembersInput, caller: Caller): Promise<MembersView> {
    assertMemberWeights(members);
    return this.changes.write(inInstance(scope), async (write) => {
      const channel = await this.find(write, scope, channelId);
      const member_ids = await putMembers(write, scope, channel, members, { replace: false, limits: limitsOf(this.config) });
      await this.record(write, caller, 'AddingBackendInstances', channel, { member_ids });
      return this.all(write, channel);
    });
  }

  /**
   * Replaces all members, or all members of one group.
   * @throws VpcChannelNotFound, WeightOutOfRange, InstanceNotFound, and the errors of {@link putMembers}
   */
  replace(scope: InstanceScope, channelId: string, input: ReplaceMembersInput, caller: Caller): Promise<MembersView> {
    assertMemberWeights(input.members);
    const { member_group_name } = input;
    return this.changes.write(inInstance(scope), async (write) => {
      const channel = await this.find(write, scope, channelId);
      const change = {
        replace: true,
        limits: limitsOf(this.config),
        ...(member_group_name !== undefined && { onlyIn: member_group_name }),
      };
      const member_ids = await putMembers(write, scope, channel, input.members, change);
      await this.record(write, caller, 'UpdateBackendInstances', channel, { member_ids });
      return this.all(write, channel);
    });
  }

  /** @throws VpcChannelNotFound, ChannelMemberNotFound, InstanceNotFound */
  async delete(scope: InstanceScope, channelId: string, memberId: string, caller: Caller): Promise<void> {
    await this.changes.write(inInstance(scope), async (write) => {
      const channel = await this.find(write, scope, channelId);
      const { affected } = await write.run('DELETE FROM vpc_channel_members WHERE id = ? AND channel_id = ?', [memberId, channelId]);
      if (affected === 0) throw new ChannelMemberNotFound(memberId);
      await this.record(write, caller, 'DeleteBackendInstance', channel, { member_ids: [memberId] });
    });
  }

  /**
   * Enables or disables either all given members or none of them.
   * @throws VpcChannelNotFound, ChannelMemberNotFound, InstanceNotFound
   */
  async setEnabled(scope: InstanceScope, channelId: string, ids: readonly string[], enabled: boolean, caller: Caller): Promise<void> {
    await this.changes.write(inInstance(scope), async (write) => {
      const channel = await this.find(write, scope, channelId);
      const { members } = await contentOf(write, channelId);
      const there = new Set(members.map(({ id }) => id));
      const unknown = ids.find((id) => !there.has(id));
      if (unknown !== undefined) throw new ChannelMemberNotFound(unknown);
      const member_ids = [...new Set(ids)];
      for (const part of chunks(member_ids))
        await write.run(`UPDATE vpc_channel_members SET status = ? WHERE id IN (${placeholders(part)})`, [enabled ? 1 : 2, ...part]);
      await this.record(write, caller, enabled ? 'BatchEnableMembers' : 'BatchDisableMembers', channel, { member_ids });
    });
  }

  private async find(write: Write, scope: InstanceScope, channelId: string) {
    const { id, name, definition } = await findChannel(write, scope, channelId);
    return { id, name, definition: fromJson<ChannelDefinition>(definition) };
  }

  private async all(write: Write, { id, definition }: { id: string; definition: ChannelDefinition }): Promise<MembersView> {
    const { members } = await contentOf(write, id);
    return { total: members.length, size: members.length, members: members.map((member) => toMemberView(member, definition.port)) };
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
