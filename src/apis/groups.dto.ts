import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsBoolean, IsDefined, IsOptional, IsString, Matches } from 'class-validator';
import { toNanoseconds, toSeconds } from '../common/clock.js';
import { EmptyIsAbsent, NamedPage } from '../common/pagination.js';
import { OptionalText, RESOURCE_NAME } from './fields.js';

const NAME = { pattern: RESOURCE_NAME.source, minLength: 3, maxLength: 255, description: 'Group name, unique within the gateway' };

/** Body of create and of modify (apig §3.3). */
export class GroupInput {
  @ApiProperty(NAME)
  @IsDefined()
  @Matches(RESOURCE_NAME)
  name: string;

  @OptionalText(1000, { description: 'Omitted on modify: as it was' })
  remark?: string | null;
}

/** Body of the name check (apig §3.3). */
export class GroupCheckInput {
  @ApiProperty(NAME)
  @IsDefined()
  @Matches(RESOURCE_NAME)
  name: string;
}

/** Body of `sl-domain-access-settings`: whether the debugging domain answers. */
export class SlDomainAccessInput {
  @ApiProperty()
  @IsDefined()
  @IsBoolean()
  sl_domain_access_enabled: boolean;
}

/** Query of the list (apig §3.3). */
export class GroupQuery extends NamedPage {
  @ApiPropertyOptional({ description: 'Exact id' })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  id?: string;
}

/** A group as every operation answers it (apig §3.3). */
export class GroupView {
  @ApiProperty() id: string;
  @ApiProperty() name: string;
  @ApiProperty({ type: 'integer', description: 'Always 1: valid' }) status: number;
  @ApiProperty({ description: 'Debugging domain' }) sl_domain: string;
  @ApiProperty({ type: [String] }) sl_domains: string[];
  @ApiProperty({ format: 'date-time' }) register_time: string;
  @ApiProperty({ format: 'date-time' }) update_time: string;
  @ApiProperty({ type: 'integer', description: 'Always 2: not listed' }) on_sell_status: number;
  @ApiProperty({ type: [Object], description: 'Independent domains; always empty' }) url_domains: object[];
  @ApiProperty() sl_domain_access_enabled: boolean;
  @ApiProperty() remark: string;
  @ApiProperty({ type: 'integer', description: 'Always 0' }) call_limits: number;
  @ApiProperty({ type: 'integer', description: 'Always 0' }) time_interval: number;
  @ApiProperty({ description: 'Always empty' }) time_unit: string;
  @ApiProperty({ type: 'integer', description: 'Always 2: not the default group' }) is_default: number;
  @ApiProperty() version: string;
  @ApiProperty({ description: 'Always empty' }) roma_app_id: string;
  @ApiProperty({ description: 'Always empty' }) roma_app_name: string;
}

export class GroupListView {
  @ApiProperty({ type: 'integer', description: 'Matches before paging' }) total: number;
  @ApiProperty({ type: 'integer', description: 'Rows in this page' }) size: number;
  @ApiProperty({ type: [GroupView] }) groups: GroupView[];
}

/** Query of the environment variables of a group. */
export class VariableQuery extends NamedPage {
  @ApiPropertyOptional({ description: 'API group' })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  group_id?: string;
}

/** There are no environment variables: the list answers because clients read it after they made a group (apig §3.3). */
export class VariableListView {
  @ApiProperty({ type: 'integer' }) total: number;
  @ApiProperty({ type: 'integer' }) size: number;
  @ApiProperty({ type: [Object] }) variables: object[];
}

/** A row of `api_groups`. */
export interface GroupRow {
  id: string;
  name: string;
  remark: string;
  /** 0 or 1. */
  slDomainAccessEnabled: number;
  createdAt: number;
  updatedAt: number;
}

/** A group's debugging domain; nothing answers there. */
export const slDomain = (groupId: string, region: string) => `${groupId}.apic.${region}`;

/**
 * @param row the group
 * @param region part of its debugging domain
 * @param now the instant of the write that answers with this view, which then has nine digits
 */
export function toGroupView(row: GroupRow, region: string, now?: number): GroupView {
  const time = (instant: number) => (instant === now ? toNanoseconds(instant) : toSeconds(instant));
  return {
    id: row.id,
    name: row.name,
    status: 1,
    sl_domain: slDomain(row.id, region),
    sl_domains: [slDomain(row.id, region)],
    register_time: time(row.createdAt),
    update_time: time(row.updatedAt),
    on_sell_status: 2,
    url_domains: [],
    sl_domain_access_enabled: row.slDomainAccessEnabled === 1,
    remark: row.remark,
    call_limits: 0,
    time_interval: 0,
    time_unit: '',
    is_default: 2,
    version: 'V1',
    roma_app_id: '',
    roma_app_name: '',
  };
}
