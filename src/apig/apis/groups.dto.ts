import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsBoolean, IsDefined, IsOptional, IsString, Matches } from 'class-validator';
import { toNanoseconds, toSeconds } from '../../platform/common/clock.js';
import { EmptyIsAbsent, NamedPage } from '../../platform/common/pagination.js';
import { UrlDomainView } from './group-domains.dto.js';
import { OptionalText, RESOURCE_NAME } from './fields.js';
import { ApiGroup } from './group.entity.js';
import { columnsOf, type RowOf } from '../../platform/database/columns.js';

const NAME = { pattern: RESOURCE_NAME.source, minLength: 3, maxLength: 255, description: 'Group name, unique within the gateway' };

/** Body of create and of modify (docs/contracts/apig.md §3.3). */
export class GroupInput {
  @ApiProperty(NAME)
  @IsDefined()
  @Matches(RESOURCE_NAME)
  name: string;

  @OptionalText(1000, { description: 'Description; omitted or empty: no description' })
  remark?: string | null;
}

/** Body of the name check (docs/contracts/apig.md §3.3). */
export class GroupCheckInput {
  @ApiProperty(NAME)
  @IsDefined()
  @Matches(RESOURCE_NAME)
  name: string;
}

/** Body of `sl-domain-access-settings`: whether the debugging domain may be used. */
export class SlDomainAccessInput {
  @ApiProperty()
  @IsDefined()
  @IsBoolean()
  sl_domain_access_enabled: boolean;
}

/** Query of the list (docs/contracts/apig.md §3.3). */
export class GroupQuery extends NamedPage {
  @ApiPropertyOptional({ description: 'Exact id' })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  id?: string;
}

/** A group, in all responses (docs/contracts/apig.md §3.3). */
export class GroupView {
  @ApiProperty() id: string;
  @ApiProperty() name: string;
  @ApiProperty({ type: 'integer', description: 'Always 1: valid' }) status: number;
  @ApiProperty({ description: 'Debugging domain' }) sl_domain: string;
  @ApiProperty({ type: [String] }) sl_domains: string[];
  @ApiProperty({ format: 'date-time' }) register_time: string;
  @ApiProperty({ format: 'date-time' }) update_time: string;
  @ApiProperty({ type: 'integer', description: 'Always 2, which means that the group is not listed' }) on_sell_status: number;
  @ApiProperty({ type: [UrlDomainView] }) url_domains: UrlDomainView[];
  @ApiProperty() sl_domain_access_enabled: boolean;
  @ApiProperty() remark: string;
  @ApiProperty({ type: 'integer', description: 'Always 0' }) call_limits: number;
  @ApiProperty({ type: 'integer', description: 'Always 0' }) time_interval: number;
  @ApiProperty({ description: 'Always empty' }) time_unit: string;
  @ApiProperty({ type: 'integer', description: 'Always 2, which means that the group is not the default group' }) is_default: number;
  @ApiProperty() version: string;
  @ApiProperty({ description: 'Always empty' }) roma_app_id: string;
  @ApiProperty({ description: 'Always empty' }) roma_app_name: string;
}

export class GroupListView {
  @ApiProperty({ type: 'integer', description: 'Number of matches on all pages' }) total: number;
  @ApiProperty({ type: 'integer', description: 'Number of rows on this page' }) size: number;
  @ApiProperty({ type: [GroupView] }) groups: GroupView[];
}

/** A row of `api_groups`. */
export const GROUP = columnsOf(ApiGroup, 'g').pick('id', 'name', 'remark', 'slDomainAccessEnabled', 'createdAt', 'updatedAt');
export type GroupRow = RowOf<typeof GROUP>;

/** The debugging domain of a group. No server answers there. */
export const slDomain = (groupId: string, region: string) => `${groupId}.apic.${region}`;

/**
 * @param row the group
 * @param domains the domains of the group
 * @param region the region, which is part of the debugging domain
 * @param now the time of the write that returns this view; times in the view then have nine digits
 */
export function toGroupView(row: GroupRow, domains: UrlDomainView[], region: string, now?: number): GroupView {
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
    url_domains: domains,
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
