import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { IsDefined, IsInt, IsOptional, IsString, Matches } from 'class-validator';
import { invalid } from '../../platform/common/api-error.js';
import { toNanoseconds, toSeconds } from '../../platform/common/clock.js';
import { newId } from '../../platform/common/ids.js';
import { EmptyIsAbsent, NamedPage, strictInteger } from '../../platform/common/pagination.js';
import { columnsOf, type RowOf } from '../../platform/database/columns.js';
import { CHANNEL_NAME, type GroupRow, MemberGroupInput, MemberGroupView, toGroupView } from './channel-groups.dto.js';
import { LIST_MAX, MemberInput, type MemberRow, MemberView, PORT_MAX, toMemberView } from './channel-members.dto.js';
import { OptionalFlag, OptionalOneOf, OptionalPart, OptionalParts, OptionalText, OptionalWhole, Whole } from './fields.js';
import { fromJson } from './listing.js';
import { VpcChannel } from './vpc-channel.entity.js';

/** Health checks of servers. Signet stores and returns them, but does not probe servers. */
export class HealthConfigInput {
  @ApiProperty({ pattern: '^(TCP|HTTP|HTTPS)$', description: 'TCP, HTTP or HTTPS, in any case' })
  @IsDefined()
  @Matches(/^(?:tcp|http|https)$/i)
  protocol: string;

  @Whole(1, 10, { description: 'Number of successful checks in a row that make a server healthy' }) threshold_normal: number;
  @Whole(1, 10, { description: 'Number of failed checks in a row that make a server unhealthy' }) threshold_abnormal: number;
  @Whole(1, 300, { description: 'Seconds between two checks' }) time_interval: number;
  @Whole(1, 30, { description: 'Time limit of a check in seconds' }) timeout: number;
  @OptionalText(512) path?: string;
  @OptionalOneOf(['GET', 'HEAD']) method?: string;
  @OptionalWhole(0, PORT_MAX, { description: '0: the server’s' }) port?: number;
  @OptionalText(512) http_code?: string;
  @OptionalFlag() enable_client_ssl?: boolean;
  @OptionalOneOf([1, 2], { description: 'Default: 1; 0 counts as omitted' }) status?: number;
}

class CceInfo {
  @OptionalText(255) cluster_id?: string;
  @OptionalText(255) namespace?: string;
  @OptionalText(255) workload_type?: string;
  @OptionalText(255) app_name?: string;
  @OptionalText(255) label_key?: string;
  @OptionalText(255) label_value?: string;
  @OptionalText(255) version?: string;
}

class CceServiceInfo {
  @OptionalText(255) cluster_id?: string;
  @OptionalText(255) namespace?: string;
  @OptionalText(255) service_name?: string;
}

class CseInfo {
  @OptionalText(255) engine_id?: string;
  @OptionalText(255) service_id?: string;
}

/** Source of the servers of a microservice channel. Signet stores and returns it, but does not use it. */
export class MicroserviceInfo {
  @OptionalOneOf(['CCE', 'CSE', 'CCE_SERVICE']) service_type?: string;
  @OptionalPart(() => CceInfo) cce_info?: CceInfo;
  @OptionalPart(() => CceServiceInfo) cce_service_info?: CceServiceInfo;
  @OptionalPart(() => CseInfo) cse_info?: CseInfo;
}

/** The `type` that corresponds to each `vpc_channel_type`. A reference channel has no `type` of its own. */
const TYPES = { builtin: 2, microservice: 3, reference: 2 } as const;
type ChannelType = keyof typeof TYPES;

/** Body of create and of modify. Modify replaces all fields, but keeps the groups and the members if the body omits them. */
export class VpcChannelInput {
  @ApiProperty({ pattern: CHANNEL_NAME.source, minLength: 3, maxLength: 64, description: 'Channel name, unique within the gateway' })
  @IsDefined()
  @Matches(CHANNEL_NAME)
  name: string;

  @OptionalWhole(0, PORT_MAX) port?: number;
  @OptionalWhole(1, 4, {
    description: 'Load balancing algorithm: 1 (weighted round robin), 2 (weighted least connections), 3 (source hash) or 4 (URI hash)',
  })
  balance_strategy?: number;
  @OptionalOneOf(['ip', 'ecs'], { description: 'Default: ecs' }) member_type?: string;
  @OptionalOneOf([2, 3], { description: '2: servers, 3: microservice. Default: 2; 0 counts as omitted' }) type?: number;
  @OptionalOneOf(Object.keys(TYPES), { description: 'Default: derived from type' }) vpc_channel_type?: ChannelType;
  @OptionalText(64) dict_code?: string;
  @OptionalParts(() => MemberGroupInput, LIST_MAX) member_groups?: MemberGroupInput[];
  @OptionalParts(() => MemberInput, LIST_MAX) members?: MemberInput[];
  @OptionalPart(() => HealthConfigInput) vpc_health_config?: HealthConfigInput;
  @OptionalPart(() => MicroserviceInfo) microservice_info?: MicroserviceInfo;
}

/** Query of the list. */
export class VpcChannelQuery extends NamedPage {
  @ApiPropertyOptional({ description: 'Exact id' })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  id?: string;

  @OptionalOneOf(Object.keys(TYPES), { description: 'Type of the channel' })
  vpc_channel_type?: ChannelType;

  @ApiPropertyOptional({ description: 'Address of a member, matched exactly' })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  member_host?: string;

  @ApiPropertyOptional({ type: 'integer', description: 'Port of a member' })
  @Transform(({ value }) => strictInteger(value))
  @EmptyIsAbsent()
  @IsInt()
  @IsOptional()
  member_port?: number;

  @ApiPropertyOptional({ description: 'Text that the name of a group must contain' })
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

export class HealthConfigView extends HealthConfigInput {
  @ApiProperty() id: string;
  @ApiProperty() vpc_channel_id: string;
  @ApiProperty({ type: 'integer', enum: [1, 2] }) declare status: number;
  @ApiProperty({ format: 'date-time' }) create_time: string;
}

export class VpcChannelView {
  @ApiProperty() id: string;
  @ApiProperty() name: string;
  @ApiPropertyOptional({ type: 'integer' }) port?: number;
  @ApiPropertyOptional({ type: 'integer' }) balance_strategy?: number;
  @ApiProperty({ enum: ['ip', 'ecs'] }) member_type: string;
  @ApiProperty({ type: 'integer', enum: [2, 3] }) type: number;
  @ApiProperty({ enum: Object.keys(TYPES) }) vpc_channel_type: string;
  @ApiPropertyOptional() dict_code?: string;
  @ApiProperty({ type: [MemberGroupView] }) member_groups: MemberGroupView[];
  @ApiProperty({ type: [MemberView] }) members: MemberView[];
  @ApiPropertyOptional({ description: 'Absent if no health check was set' }) vpc_health_config?: HealthConfigView;
  @ApiPropertyOptional() microservice_info?: MicroserviceInfo;
  @ApiProperty({ type: 'integer', description: 'Always 1: normal' }) status: number;
  @ApiProperty({ format: 'date-time' }) create_time: string;
}

export class VpcChannelListView {
  @ApiProperty({ type: 'integer' }) total: number;
  @ApiProperty({ type: 'integer' }) size: number;
  @ApiProperty({ type: [VpcChannelView] }) vpc_channels: VpcChannelView[];
}

type StoredHealth = HealthConfigInput & { id: string; status: number; created_at: number };

/** The content of `vpc_channels.definition`: all fields except the name, the groups and the members. */
export interface ChannelDefinition {
  port?: number | undefined;
  balance_strategy?: number | undefined;
  member_type: string;
  type: number;
  vpc_channel_type: ChannelType;
  dict_code?: string | undefined;
  vpc_health_config?: StoredHealth | undefined;
  microservice_info?: MicroserviceInfo | undefined;
}

/** A row of `vpc_channels`. */
export const CHANNEL = columnsOf(VpcChannel, 'c').pick('id', 'name', 'definition', 'createdAt');
export type ChannelRow = RowOf<typeof CHANNEL>;

/**
 * Converts an input to its stored form.
 * @throws ApiFault `invalid` when `type` and `vpc_channel_type` contradict each other
 */
export function channelDefinitionOf(input: VpcChannelInput, now: number, before?: ChannelDefinition): ChannelDefinition {
  const { port, balance_strategy, member_type = 'ecs', type, dict_code, vpc_health_config, microservice_info } = input;
  const vpc_channel_type = input.vpc_channel_type ?? (type === 3 ? 'microservice' : 'builtin');
  if (type !== undefined && type !== TYPES[vpc_channel_type]) throw invalid('vpc_channel_type');
  return {
    ...{ port, balance_strategy, member_type, type: TYPES[vpc_channel_type], vpc_channel_type, dict_code },
    vpc_health_config: vpc_health_config && healthOf(vpc_health_config, now, before?.vpc_health_config),
    microservice_info,
  };
}

/** Converts a health check to its stored form. Its id never changes. */
export const healthOf = (input: HealthConfigInput, now: number, before?: StoredHealth): StoredHealth => ({
  ...input,
  status: input.status ?? 1,
  id: before?.id ?? newId(),
  created_at: before?.created_at ?? now,
});

export const toHealthView = ({ created_at, ...health }: StoredHealth, channelId: string): HealthConfigView => ({
  ...health,
  vpc_channel_id: channelId,
  create_time: toSeconds(created_at),
});

/** The groups and members of a channel. */
export interface ChannelContents {
  groups: readonly GroupRow[];
  members: readonly MemberRow[];
}

/** @param now the time of the write, if it created the channel; times in the view then have nine digits */
export function toChannelView(row: ChannelRow, { groups, members }: ChannelContents, now?: number): VpcChannelView {
  const { vpc_health_config, ...definition } = fromJson<ChannelDefinition>(row.definition);
  return {
    id: row.id,
    name: row.name,
    ...definition,
    member_groups: groups.map(toGroupView),
    members: members.map((member) => toMemberView(member, definition.port)),
    ...(vpc_health_config && { vpc_health_config: toHealthView(vpc_health_config, row.id) }),
    status: 1,
    create_time: row.createdAt === now ? toNanoseconds(row.createdAt) : toSeconds(row.createdAt),
  };
}
