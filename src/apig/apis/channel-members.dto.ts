import { applyDecorators } from '@nestjs/common';
import { ApiProperty, ApiPropertyOptional, type ApiPropertyOptions } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { ArrayMaxSize, ArrayNotEmpty, IsArray, IsDefined, IsInt, IsObject, IsOptional, IsString, ValidateNested } from 'class-validator';
import { toSeconds } from '../../platform/common/clock.js';
import { EmptyIsAbsent, NamedPage } from '../../platform/common/pagination.js';
import { columnsOf, type RowOf } from '../../platform/database/columns.js';
import { WeightOutOfRange } from './apis.errors.js';
import { ChannelGroup } from './channel-group.entity.js';
import { ChannelMember } from './channel-member.entity.js';
import { OptionalFlag, OptionalOneOf, OptionalText, OptionalWhole } from './fields.js';

export const PORT_MAX = 65_535;
/** Maximum number of members in one request. */
export const LIST_MAX = 250;
export const MEMBER_WEIGHT_MAX = 10_000;

/** An optional weight. {@link assertWeights} checks its range, because that error has its own code (docs/contracts/apig.md §3.8). */
export const OptionalWeight = (max: number, options: ApiPropertyOptions = {}) =>
  applyDecorators(ApiPropertyOptional({ type: 'integer', minimum: 0, maximum: max, ...options }), IsInt(), IsOptional());

/**
 * @param field the name of the field in the error
 * @throws WeightOutOfRange
 */
export function assertWeights(weights: readonly (number | undefined)[], max: number, field: (at: number) => string): void {
  const at = weights.findIndex((weight) => weight !== undefined && (weight < 0 || weight > max));
  if (at >= 0) throw new WeightOutOfRange(field(at));
}

/** A server of a channel, as a request describes it. */
export class MemberInput {
  @OptionalText(255, { description: 'Address of the server, if the member_type of the channel is ip' }) host?: string;
  @OptionalText(255, { description: 'Id of the cloud server, if the member_type of the channel is ecs' }) ecs_id?: string;
  @OptionalText(255, { description: 'Default: ecs_id' }) ecs_name?: string;
  @OptionalWeight(MEMBER_WEIGHT_MAX, { description: 'Default: 0' }) weight?: number;
  @OptionalFlag({ description: 'Default: false' }) is_backup?: boolean;
  @OptionalText(64, { description: 'Name of a group of the channel; omitted or empty: no group' }) member_group_name?: string;
  @OptionalOneOf([1, 2], { description: '1: enabled, 2: disabled. Default: 1; 0 counts as omitted' }) status?: number;
  @OptionalWhole(0, PORT_MAX, { description: 'Port; omitted or 0: the port of the channel' }) port?: number;
}

/** Body of adding members. An existing member with the same group, address and port gets the given fields. */
export class AddMembersInput {
  @ApiProperty({ type: [MemberInput], minItems: 1, maxItems: LIST_MAX })
  @IsDefined()
  @IsArray()
  @ArrayNotEmpty()
  @ArrayMaxSize(LIST_MAX)
  @IsObject({ each: true })
  @ValidateNested({ each: true })
  @Type(() => MemberInput)
  members: MemberInput[];
}

/** Body of replacing members. */
export class ReplaceMembersInput {
  @ApiProperty({ type: [MemberInput], maxItems: LIST_MAX, description: 'The new members; may be empty' })
  @IsDefined()
  @IsArray()
  @ArrayMaxSize(LIST_MAX)
  @IsObject({ each: true })
  @ValidateNested({ each: true })
  @Type(() => MemberInput)
  members: MemberInput[];

  @EmptyIsAbsent()
  @OptionalText(64, {
    description:
      'Name of a group: only members of this group are replaced, and members of other groups in the body are ignored. Default: all members',
  })
  member_group_name?: string;
}

/** Body of enabling members and of disabling them. */
export class MemberIdsInput {
  @ApiPropertyOptional({ type: [String], maxItems: LIST_MAX, description: 'Omitted: no members' })
  @IsArray()
  @ArrayMaxSize(LIST_MAX)
  @IsString({ each: true })
  @IsOptional()
  member_ids?: string[];
}

/** Query of the list of members. `name` is the name of the cloud server. */
export class MembersQuery extends NamedPage {
  @ApiPropertyOptional({ description: 'Text that the name of the group must contain' })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  member_group_name?: string;

  @ApiPropertyOptional({ description: 'Group' })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  member_group_id?: string;
}

export class MemberView {
  @ApiProperty() id: string;
  @ApiProperty() vpc_channel_id: string;
  @ApiProperty({ description: 'Address of the server; for a cloud server, its id' }) host: string;
  @ApiProperty({ description: 'Id of the cloud server; for any other server, its address' }) ecs_id: string;
  @ApiProperty({ description: 'Name of the cloud server; for any other server, its address' }) ecs_name: string;
  @ApiProperty({ type: 'integer' }) weight: number;
  @ApiProperty() is_backup: boolean;
  @ApiProperty({ type: 'integer', enum: [1, 2], description: '1 enabled, 2 disabled' }) status: number;
  @ApiProperty({ type: 'integer' }) port: number;
  @ApiProperty({ description: 'Empty for a server without a group' }) member_group_name: string;
  @ApiProperty({ description: 'Empty for a server without a group' }) member_group_id: string;
  @ApiProperty({ description: 'Always `unknown`, because Signet does not probe servers' }) health_status: string;
  @ApiProperty({ format: 'date-time' }) create_time: string;
}

export class MembersView {
  @ApiProperty({ type: 'integer' }) total: number;
  @ApiProperty({ type: 'integer' }) size: number;
  @ApiProperty({ type: [MemberView] }) members: MemberView[];
}

const OF_MEMBER = columnsOf(ChannelMember, 'm').except('projectId', 'instanceId');
const OF_GROUP = columnsOf(ChannelGroup, 'g').pick({ groupName: 'name' });
export const MEMBER = `${OF_MEMBER.select}, ${OF_GROUP.select}`;
export const JOIN_GROUP = 'LEFT JOIN vpc_channel_groups g ON g.id = m.group_id';

/** A row of `vpc_channel_members` with the name of its group. */
export interface MemberRow extends RowOf<typeof OF_MEMBER> {
  groupName: string | null;
}

/** @param port the port of the channel, for members that were stored without a port */
export const toMemberView = (row: MemberRow, port = 0): MemberView => ({
  id: row.id,
  vpc_channel_id: row.channelId,
  host: row.host,
  ecs_id: row.ecsId,
  ecs_name: row.ecsName,
  weight: row.weight,
  is_backup: row.isBackup === 1,
  status: row.status,
  port: row.port || port,
  member_group_name: row.groupName ?? '',
  member_group_id: row.groupId,
  health_status: 'unknown',
  create_time: toSeconds(row.createdAt),
});
