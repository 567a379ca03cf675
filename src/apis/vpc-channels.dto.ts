import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { ArrayMaxSize, ArrayNotEmpty, IsArray, IsDefined, IsObject, IsOptional, IsString, Matches, ValidateNested } from 'class-validator';
import { toNanoseconds, toSeconds } from '../common/clock.js';
import { newId } from '../common/ids.js';
import { EmptyIsAbsent, NamedPage } from '../common/pagination.js';
import { ChannelMemberQuotaExceeded } from './apis.errors.js';
import { OptionalFlag, OptionalOneOf, OptionalPart, OptionalParts, OptionalText, OptionalWhole } from './fields.js';
import type { Limits } from './limits.js';
import { fromJson } from './listing.js';

const NAME = /^[A-Za-z\u4e00-\u9fa5][A-Za-z0-9_\-.\u4e00-\u9fa5]{2,63}$/;
const PORT_MAX = 65_535;
const INT_MAX = 2 ** 31 - 1;
/** Of one request. */
const LIST_MAX = 1000;

/** A server behind a channel. */
export class ChannelMember {
  @OptionalText(255, { description: 'Address, for channels of member_type ip' }) host?: string;
  @OptionalText(255, { description: 'Server id, for channels of member_type ecs' }) ecs_id?: string;
  @OptionalText(255) ecs_name?: string;
  @OptionalWhole(0, 10_000) weight?: number;
  @OptionalFlag() is_backup?: boolean;
  @OptionalText(64) member_group_name?: string;
  @OptionalOneOf([1, 2]) status?: number;
  @OptionalWhole(0, PORT_MAX) port?: number;
}

class ChannelLabel {
  @OptionalText(255) label_name?: string;
  @OptionalText(255) label_value?: string;
}

/** A group of servers behind a channel. */
export class ChannelMemberGroup {
  @OptionalText(64) member_group_name?: string;
  @OptionalText(255) member_group_remark?: string;
  @OptionalWhole(0, 100) member_group_weight?: number;
  @OptionalText(64) dict_code?: string;
  @OptionalText(64) microservice_version?: string;
  @OptionalWhole(0, PORT_MAX) microservice_port?: number;
  @OptionalParts(() => ChannelLabel, LIST_MAX) microservice_labels?: ChannelLabel[];
}

/** How servers are probed; nothing here probes them. */
export class ChannelHealthConfig {
  @OptionalText(16) protocol?: string;
  @OptionalText(512) path?: string;
  @OptionalText(16) method?: string;
  @OptionalWhole(0, PORT_MAX) port?: number;
  @OptionalWhole(0, INT_MAX) threshold_normal?: number;
  @OptionalWhole(0, INT_MAX) threshold_abnormal?: number;
  @OptionalWhole(0, INT_MAX) time_interval?: number;
  @OptionalText(512) http_code?: string;
  @OptionalFlag() enable_client_ssl?: boolean;
  @OptionalWhole(0, INT_MAX) status?: number;
  @OptionalWhole(0, INT_MAX) timeout?: number;
}

/** Body of create and of modify: modify replaces all but the members, unless it names some. */
export class VpcChannelInput {
  @ApiProperty({ pattern: NAME.source, minLength: 3, maxLength: 64, description: 'Channel name, unique within the gateway' })
  @IsDefined()
  @Matches(NAME)
  name: string;

  @OptionalWhole(0, PORT_MAX) port?: number;
  @OptionalWhole(1, 4, { description: '1 WRR, 2 WLC, 3 SH, 4 by URI' }) balance_strategy?: number;
  @OptionalOneOf(['ip', 'ecs']) member_type?: string;
  @OptionalWhole(1, 9, { description: '2 server channel, 3 microservice channel' }) type?: number;
  @OptionalText(64) dict_code?: string;
  @OptionalParts(() => ChannelMemberGroup, LIST_MAX) member_groups?: ChannelMemberGroup[];
  @OptionalParts(() => ChannelMember, LIST_MAX) members?: ChannelMember[];
  @OptionalPart(() => ChannelHealthConfig) vpc_health_config?: ChannelHealthConfig;
}

/** Body of adding members: one that is there (same host or server) is replaced. */
export class ChannelMembersInput {
  @ApiProperty({ type: [ChannelMember], minItems: 1, maxItems: LIST_MAX })
  @IsDefined()
  @IsArray()
  @ArrayNotEmpty()
  @ArrayMaxSize(LIST_MAX)
  @IsObject({ each: true })
  @ValidateNested({ each: true })
  @Type(() => ChannelMember)
  members: ChannelMember[];
}

/** Query of the list. */
export class VpcChannelQuery extends NamedPage {
  @ApiPropertyOptional({ description: 'Exact id' })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  id?: string;
}

export class ChannelMemberView extends ChannelMember {
  @ApiProperty() id: string;
  @ApiProperty() vpc_channel_id: string;
}

class ChannelHealthConfigView extends ChannelHealthConfig {
  @ApiProperty() vpc_channel_id: string;
}

export class VpcChannelView {
  @ApiProperty() id: string;
  @ApiProperty() name: string;
  @ApiPropertyOptional({ type: 'integer' }) port?: number;
  @ApiPropertyOptional({ type: 'integer' }) balance_strategy?: number;
  @ApiPropertyOptional() member_type?: string;
  @ApiPropertyOptional({ type: 'integer' }) type?: number;
  @ApiPropertyOptional() dict_code?: string;
  @ApiProperty({ type: [ChannelMemberGroup] }) member_groups: ChannelMemberGroup[];
  @ApiProperty({ type: [ChannelMemberView] }) members: ChannelMemberView[];
  @ApiPropertyOptional() vpc_health_config?: ChannelHealthConfigView;
  @ApiProperty({ type: 'integer', description: 'Always 1: normal' }) status: number;
  @ApiProperty({ format: 'date-time' }) create_time: string;
}

export class VpcChannelListView {
  @ApiProperty({ type: 'integer' }) total: number;
  @ApiProperty({ type: 'integer' }) size: number;
  @ApiProperty({ type: [VpcChannelView] }) vpc_channels: VpcChannelView[];
}

export class ChannelMembersView {
  @ApiProperty({ type: 'integer' }) total: number;
  @ApiProperty({ type: 'integer' }) size: number;
  @ApiProperty({ type: [ChannelMemberView] }) members: ChannelMemberView[];
}

/** What `vpc_channels.definition` holds: everything but the name. */
export interface ChannelDefinition {
  port?: number;
  balance_strategy?: number;
  member_type?: string;
  type?: number;
  dict_code?: string;
  member_groups: ChannelMemberGroup[];
  members: (ChannelMember & { id: string })[];
  vpc_health_config?: ChannelHealthConfig;
}

/** A row of `vpc_channels`. */
export interface ChannelRow {
  id: string;
  name: string;
  /** JSON: {@link ChannelDefinition}. */
  definition: unknown;
  createdAt: number;
}

/**
 * An input as it is stored; members stay as they were when none are named.
 * @throws ChannelMemberQuotaExceeded
 */
export function channelDefinitionOf(input: VpcChannelInput, limits: Limits, before?: ChannelDefinition): ChannelDefinition {
  const { port, balance_strategy, member_type, type, dict_code, member_groups, members, vpc_health_config } = input;
  return {
    port,
    balance_strategy,
    member_type,
    type,
    dict_code,
    member_groups: member_groups ?? [],
    members: members ? mergeMembers([], members, limits, before?.members) : (before?.members ?? []),
    vpc_health_config,
  };
}

/**
 * The members that are there with those that come in: one that is there keeps its id and takes the new values.
 * @throws ChannelMemberQuotaExceeded
 */
export function mergeMembers(
  there: ChannelDefinition['members'],
  incoming: readonly ChannelMember[],
  limits: Limits,
  known = there,
): ChannelDefinition['members'] {
  const merged = new Map(there.map((member) => [memberKey(member), member]));
  const ids = new Map(known.map((member) => [memberKey(member), member.id]));
  for (const member of incoming) merged.set(memberKey(member), { ...member, id: ids.get(memberKey(member)) ?? newId() });
  if (merged.size > limits('VPC_INSTANCE_NUM_LIMIT')) throw new ChannelMemberQuotaExceeded();
  return [...merged.values()];
}

const memberKey = ({ host, ecs_id }: ChannelMember) => `${host ?? ''} ${ecs_id ?? ''}`;

/** @param now the instant of the write that answers with this view, if it is that of creation: it then has nine digits */
export function toChannelView(row: ChannelRow, now?: number): VpcChannelView {
  const { members, vpc_health_config, ...definition } = fromJson<ChannelDefinition>(row.definition);
  return {
    id: row.id,
    name: row.name,
    ...definition,
    members: members.map((member) => ({ ...member, vpc_channel_id: row.id })),
    ...(vpc_health_config && { vpc_health_config: { ...vpc_health_config, vpc_channel_id: row.id } }),
    status: 1,
    create_time: row.createdAt === now ? toNanoseconds(row.createdAt) : toSeconds(row.createdAt),
  };
}
