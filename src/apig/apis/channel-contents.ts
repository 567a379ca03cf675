import type { Write } from '../../platform/changes/changes.service.js';
import { ApiFault, invalid } from '../../platform/common/api-error.js';
import { newId } from '../../platform/common/ids.js';
import type { InstanceScope } from '../../platform/common/scope.js';
import { columnsOf } from '../../platform/database/columns.js';
import { chunks, type Reads, placeholders } from '../../platform/database/tx.js';
import { ChannelMemberQuotaExceeded, ChannelTypeRefuses, VpcChannelNotFound } from './apis.errors.js';
import { ChannelGroup } from './channel-group.entity.js';
import { assertWeights, JOIN_GROUP, MEMBER, MEMBER_WEIGHT_MAX, type MemberInput, type MemberRow } from './channel-members.dto.js';
import { ChannelMember } from './channel-member.entity.js';
import { type GroupDefinition, GROUP_WEIGHT_MAX, type GroupRow, MEMBER_GROUP, type MemberGroupInput } from './channel-groups.dto.js';
import type { Limits } from './limits.js';
import { toJson } from './listing.js';
import type { ChannelContents, ChannelDefinition } from './vpc-channels.dto.js';

const NEW_GROUP = columnsOf(ChannelGroup).all();
const NEW_MEMBER = columnsOf(ChannelMember).all();
const ROWS_MAX = 100;

/** Returns the groups and the members of channels, oldest first, by the id of the channel. */
export async function contentsOf(reads: Reads, channelIds: readonly string[]): Promise<Map<string, ChannelContents>> {
  const found = new Map(channelIds.map((id) => [id, { groups: [] as GroupRow[], members: [] as MemberRow[] }]));
  for (const part of chunks(channelIds)) {
    for (const group of await reads.rows<GroupRow>(
      `SELECT ${MEMBER_GROUP.select} FROM vpc_channel_groups g WHERE g.channel_id IN (${placeholders(part)}) ORDER BY g.id`,
      part,
    ))
      found.get(group.channelId)?.groups.push(group);
    for (const member of await reads.rows<MemberRow>(
      `SELECT ${MEMBER} FROM vpc_channel_members m ${JOIN_GROUP} WHERE m.channel_id IN (${placeholders(part)}) ORDER BY m.id`,
      part,
    ))
      found.get(member.channelId)?.members.push(member);
  }
  return found;
}

export const NOTHING: ChannelContents = { groups: [], members: [] };

/** Returns the groups and the members of one channel. */
export const contentOf = async (reads: Reads, channelId: string): Promise<ChannelContents> =>
  (await contentsOf(reads, [channelId])).get(channelId) ?? NOTHING;

/**
 * Checks the weights of an input, before the transaction.
 * @throws WeightOutOfRange
 */
export function assertGroupWeights(groups: readonly MemberGroupInput[]): void {
  const weights = groups.map(({ member_group_weight }) => member_group_weight);
  assertWeights(weights, GROUP_WEIGHT_MAX, (at) => `member_groups[${at}].member_group_weight`);
}

/** @throws WeightOutOfRange */
export function assertMemberWeights(members: readonly MemberInput[]): void {
  const weights = members.map(({ weight }) => weight);
  assertWeights(weights, MEMBER_WEIGHT_MAX, (at) => `members[${at}].weight`);
}

/** Returns the fields of a group in their stored form. */
export const groupFields = ({ member_group_name, reference_vpc_channel_id, ...definition }: MemberGroupInput) => ({
  name: member_group_name,
  referenceId: reference_vpc_channel_id ?? '',
  definition: toJson(definition satisfies GroupDefinition),
});

/** Checks that a group's reference is a channel of the same gateway. @throws VpcChannelNotFound */
export async function assertReferences(write: Write, scope: InstanceScope, groups: readonly MemberGroupInput[]): Promise<void> {
  for (const id of new Set(groups.flatMap(({ reference_vpc_channel_id }) => reference_vpc_channel_id ?? []))) {
    const sql = 'SELECT 1 AS one FROM vpc_channels WHERE id = ? AND instance_id = ? AND project_id = ?';
    if ((await write.rows(sql, [id, scope.instanceId, scope.projectId])).length === 0) throw new VpcChannelNotFound(id);
  }
}

interface Change {
  /** Whether groups or members that the request omits are deleted. */
  replace: boolean;
  limits: Limits;
}

/**
 * Adds groups to a channel. An existing group with the same name gets the new fields and keeps its id. Of two groups with the same name,
 * the first one counts. With `replace`, all other groups are deleted with their members.
 * @throws VpcChannelNotFound, ChannelMemberQuotaExceeded
 */
export async function putGroups(
  write: Write,
  scope: InstanceScope,
  channelId: string,
  incoming: readonly MemberGroupInput[],
  { replace, limits }: Change,
): Promise<void> {
  await assertReferences(write, scope, incoming);
  const { groups } = await contentOf(write, channelId);
  const wanted = new Map([...incoming].reverse().map((group) => [group.member_group_name, groupFields(group)]));
  const there = new Map(groups.map((group) => [group.name, group]));
  const gone = replace ? groups.filter(({ name }) => !wanted.has(name)) : [];
  // Uses the order of the request, so that the ids have the same order.
  const names = new Set(incoming.map(({ member_group_name }) => member_group_name));
  const fresh = [...names].filter((name) => !there.has(name));
  if (groups.length - gone.length + fresh.length > limits('VPC_INSTANCE_NUM_LIMIT')) throw new ChannelMemberQuotaExceeded();
  await deleteGroups(
    write,
    gone.map(({ id }) => id),
  );
  const { projectId, instanceId } = scope;
  for (const name of names) {
    const before = there.get(name);
    const fields = wanted.get(name);
    if (!fields || !before) continue;
    await write.run('UPDATE vpc_channel_groups SET reference_id = ?, definition = ?, updated_at = ? WHERE id = ?', [
      fields.referenceId,
      fields.definition,
      write.now,
      before.id,
    ]);
  }
  const rows = fresh.flatMap((name) => wanted.get(name) ?? []);
  for (const part of chunks(rows, ROWS_MAX)) {
    const same = { projectId, instanceId, channelId, createdAt: write.now, updatedAt: write.now };
    await write.run(
      NEW_GROUP.insert(part.length),
      part.flatMap((fields) => NEW_GROUP.values({ id: newId(), ...same, ...fields })),
    );
  }
}

/** Deletes groups and their members. */
export async function deleteGroups(write: Write, ids: readonly string[]): Promise<void> {
  for (const part of chunks(ids)) {
    await write.run(`DELETE FROM vpc_channel_members WHERE group_id IN (${placeholders(part)})`, part);
    await write.run(`DELETE FROM vpc_channel_groups WHERE id IN (${placeholders(part)})`, part);
  }
}

/** Group, address and port of a member. The combination is unique in its channel. */
interface Place {
  groupId: string;
  host: string;
  port: number;
}
const keyOf = ({ groupId, host, port }: Place) => JSON.stringify([groupId, host, port]);

/**
 * Adds members to a channel. An existing member with the same group, address and port keeps its id. Without `replace`, it also keeps the
 * fields that the request omits. With `replace`, all other members, or all others of one group, are deleted. Of two members with the same
 * group, address and port, the first one counts.
 * @returns the ids of the request's members, in the order of the request
 * @throws ChannelMemberQuotaExceeded, ChannelTypeRefuses, ApiFault `invalid` for an unknown group and `missing` without an address
 */
export async function putMembers(
  write: Write,
  scope: InstanceScope,
  channel: { id: string; definition: ChannelDefinition },
  incoming: readonly MemberInput[],
  { replace, limits, onlyIn }: Change & { onlyIn?: string },
): Promise<string[]> {
  if (channel.definition.vpc_channel_type === 'reference' && incoming.length > 0) throw new ChannelTypeRefuses();
  const { groups, members } = await contentOf(write, channel.id);
  const groupIds = new Map(groups.map(({ id, name }) => [name, id]));
  if (onlyIn !== undefined && !groupIds.has(onlyIn)) throw invalid('member_group_name');
  const there = new Map(members.map((member) => [keyOf(member), member]));
  const wanted = new Map<
    string,
    Place & { id: string; ecsId: string; ecsName: string; weight: number; isBackup: number; status: number }
  >();
  for (const [at, member] of incoming.entries()) {
    const group = member.member_group_name ?? '';
    const groupId = group === '' ? '' : groupIds.get(group);
    if (groupId === undefined) throw invalid(`members[${at}].member_group_name`);
    if (onlyIn !== undefined && group !== onlyIn) continue;
    const address = addressOf(member, channel.definition.member_type, `members[${at}]`);
    const place = { groupId, host: address.host, port: member.port || (channel.definition.port ?? 0) };
    if (wanted.has(keyOf(place))) continue;
    const before = there.get(keyOf(place));
    const kept = replace ? undefined : before;
    wanted.set(keyOf(place), {
      ...place,
      id: before?.id ?? newId(),
      ecsId: address.ecsId,
      ecsName: address.ecsName ?? kept?.ecsName ?? address.ecsId,
      weight: member.weight ?? kept?.weight ?? 0,
      isBackup: (member.is_backup ?? kept?.isBackup === 1) ? 1 : 0,
      status: member.status ?? kept?.status ?? 1,
    });
  }
  const within = ({ groupId }: MemberRow) => onlyIn === undefined || groupId === groupIds.get(onlyIn);
  const gone = replace ? members.filter((member) => within(member) && !wanted.has(keyOf(member))) : [];
  const fresh = [...wanted].filter(([key]) => !there.has(key)).map(([, member]) => member);
  if (members.length - gone.length + fresh.length > limits('VPC_INSTANCE_NUM_LIMIT')) throw new ChannelMemberQuotaExceeded();
  for (const part of chunks(gone))
    await write.run(
      `DELETE FROM vpc_channel_members WHERE id IN (${placeholders(part)})`,
      part.map(({ id }) => id),
    );
  for (const [key, member] of wanted) {
    if (!there.has(key)) continue;
    await write.run('UPDATE vpc_channel_members SET ecs_id = ?, ecs_name = ?, weight = ?, is_backup = ?, status = ? WHERE id = ?', [
      member.ecsId,
      member.ecsName,
      member.weight,
      member.isBackup,
      member.status,
      member.id,
    ]);
  }
  const { projectId, instanceId } = scope;
  for (const part of chunks(fresh, ROWS_MAX)) {
    const same = { projectId, instanceId, channelId: channel.id, createdAt: write.now };
    await write.run(
      NEW_MEMBER.insert(part.length),
      part.flatMap((member) => NEW_MEMBER.values({ ...member, ...same })),
    );
  }
  return [...wanted.values()].map(({ id }) => id);
}

/**
 * Gives the channel's new port to members without a port of their own. A member that then equals another one is deleted. Must be called
 * before the members of a changed channel are used.
 */
export async function settlePorts(write: Write, channelId: string, port: number): Promise<void> {
  if (port === 0) return;
  const { members } = await contentOf(write, channelId);
  const taken = new Set(members.map(keyOf));
  for (const member of members.filter((each) => each.port === 0)) {
    if (taken.has(keyOf({ ...member, port }))) await write.run('DELETE FROM vpc_channel_members WHERE id = ?', [member.id]);
    else await write.run('UPDATE vpc_channel_members SET port = ? WHERE id = ?', [port, member.id]);
  }
}

/**
 * Returns the address of a member. For a cloud server it is the server's id, because Signet has no compute service that knows its address.
 * Otherwise it is the address in the request, which is then also the id and the name.
 * @throws ApiFault `missing` if the request has neither
 */
function addressOf(member: MemberInput, memberType: string, field: string): { host: string; ecsId: string; ecsName: string | undefined } {
  const [host, server] = [member.host ?? '', member.ecs_id ?? ''];
  const found = memberType === 'ecs' ? server || host : host || server;
  if (found === '') throw new ApiFault('missing', { parameter: `${field}.${memberType === 'ecs' ? 'ecs_id' : 'host'}`, where: 'body' });
  const ecsName = memberType === 'ecs' && server !== '' ? member.ecs_name || undefined : found;
  return { host: found, ecsId: found, ecsName };
}
