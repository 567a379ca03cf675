import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { ArrayMaxSize, ArrayNotEmpty, IsArray, IsDefined, IsObject, IsOptional, IsString, Matches, ValidateNested } from 'class-validator';
import { toSeconds } from '../../platform/common/clock.js';
import { EmptyIsAbsent, Page } from '../../platform/common/pagination.js';
import { columnsOf, type RowOf } from '../../platform/database/columns.js';
import { ChannelGroup } from './channel-group.entity.js';
import { LIST_MAX, OptionalWeight, PORT_MAX } from './channel-members.dto.js';
import { OptionalParts, OptionalText, OptionalWhole, Text } from './fields.js';
import { fromJson } from './listing.js';

export const GROUP_WEIGHT_MAX = 100;
/** Format of the names of channels and their groups. */
export const CHANNEL_NAME = /^[A-Za-z\u4e00-\u9fa5][A-Za-z0-9_\-.\u4e00-\u9fa5]{2,63}$/;

class GroupLabel {
  @Text(255) label_name: string;
  @Text(255) label_value: string;
}

/**
 * A group of servers of a channel, in the bodies of creating or modifying a channel, of adding groups, and of modifying one group. It
 * always replaces all fields.
 */
export class MemberGroupInput {
  @ApiProperty({ pattern: CHANNEL_NAME.source, minLength: 3, maxLength: 64, description: 'Group name, unique within the channel' })
  @IsDefined()
  @Matches(CHANNEL_NAME)
  member_group_name: string;

  @OptionalText(255) member_group_remark?: string;
  @OptionalWeight(GROUP_WEIGHT_MAX) member_group_weight?: number;
  @OptionalText(64) dict_code?: string;
  @OptionalText(64) microservice_version?: string;
  @OptionalWhole(0, PORT_MAX) microservice_port?: number;
  @OptionalParts(() => GroupLabel, LIST_MAX) microservice_labels?: GroupLabel[];

  @EmptyIsAbsent()
  @OptionalText(64, { description: 'Id of another load balance channel of this gateway' })
  reference_vpc_channel_id?: string;
}

/** Body of adding groups. An existing group with the same name is replaced. */
export class AddGroupsInput {
  @ApiProperty({ type: [MemberGroupInput], minItems: 1, maxItems: LIST_MAX })
  @IsDefined()
  @IsArray()
  @ArrayNotEmpty()
  @ArrayMaxSize(LIST_MAX)
  @IsObject({ each: true })
  @ValidateNested({ each: true })
  @Type(() => MemberGroupInput)
  member_groups: MemberGroupInput[];
}

/** Query of the list of groups. */
export class MemberGroupsQuery extends Page {
  @ApiPropertyOptional({ description: 'Text that the name must contain' })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  member_group_name?: string;

  @ApiPropertyOptional({
    description: 'Names of the parameters that must match exactly, separated by commas',
    example: 'member_group_name',
  })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  precise_search?: string;
}

export class MemberGroupView extends MemberGroupInput {
  @ApiProperty() member_group_id: string;
  @ApiProperty({ format: 'date-time' }) create_time: string;
  @ApiProperty({ format: 'date-time' }) update_time: string;
}

export class MemberGroupsView {
  @ApiProperty({ type: 'integer' }) total: number;
  @ApiProperty({ type: 'integer' }) size: number;
  @ApiProperty({ type: [MemberGroupView] }) member_groups: MemberGroupView[];
}

/** The content of `vpc_channel_groups.definition`. */
export type GroupDefinition = Omit<MemberGroupInput, 'member_group_name' | 'reference_vpc_channel_id'>;

/** A row of `vpc_channel_groups`. */
export const MEMBER_GROUP = columnsOf(ChannelGroup, 'g').except('projectId', 'instanceId');
export type GroupRow = RowOf<typeof MEMBER_GROUP>;

export const toGroupView = (row: GroupRow): MemberGroupView => ({
  member_group_id: row.id,
  member_group_name: row.name,
  ...fromJson<GroupDefinition>(row.definition),
  ...(row.referenceId !== '' && { reference_vpc_channel_id: row.referenceId }),
  create_time: toSeconds(row.createdAt),
  update_time: toSeconds(row.updatedAt),
});
