import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  IsArray,
  IsBoolean,
  IsDefined,
  IsIn,
  IsInt,
  IsNotEmpty,
  IsOptional,
  IsString,
  Length,
  Matches,
  Max,
  MaxLength,
  Min,
  ValidateNested,
} from 'class-validator';
import { EmptyIsAbsent, Page } from '../../platform/common/pagination.js';
import { EDITIONS } from './editions.js';
import { TAGS_MAX } from './instances.details.js';
import { STATUS_WORDS } from './instance-status.js';

/**
 * Format of a name: a letter or a Chinese character, then letters, digits, `_`, `-` or Chinese characters; 3 to 64 characters in total
 * (docs/contracts/apig.md §3.1).
 */
const NAME = /^[a-zA-Z\u4e00-\u9fa5][a-zA-Z0-9_\-\u4e00-\u9fa5]{2,63}$/;
const CHOSEN_ID = /^[a-f0-9][a-fA-F0-9_-]{34}[a-f0-9]$/;
const DESCRIPTION = /^[^<>]{0,255}$/;
const WHOLE_HOUR = /^([01]\d|2[0-3]):00:00$/;
const ENDPOINT_NAME = /^[a-zA-Z0-9_-]{1,16}$/;
export const NETWORK_ID_MAX = 64;
const ZONES_MAX = 16;
export const BANDWIDTH_MAX = 2000;
export const CHARGING_MODES = ['bandwidth', 'traffic'] as const;
const LOAD_BALANCERS = ['lvs', 'elb'] as const;

export type ChargingMode = (typeof CHARGING_MODES)[number];
export type LoadBalancer = (typeof LOAD_BALANCERS)[number];

const windowHour = {
  pattern: WHOLE_HOUR.source,
  description: '`xx:00:00`, in which xx is 02, 06, 10, 14, 18 or 22; the end is 4 hours after the begin',
};

/** Format of the key of a tag. Keys that begin with `_sys_` belong to the service (docs/contracts/apig-clients.md §2). */
export const TAG_KEY = /^(?!_sys_)[^]{1,128}$/;
export const TAG_VALUE_MAX = 255;

/** A tag of a gateway. Tags are stored and returned, but have no effect. */
export class TagInput {
  @ApiProperty({ pattern: TAG_KEY.source, minLength: 1, maxLength: 128, description: 'Must not begin with `_sys_`' })
  @IsDefined()
  @Matches(TAG_KEY)
  key: string;

  @ApiProperty({ maxLength: TAG_VALUE_MAX })
  @IsDefined()
  @IsString()
  @MaxLength(TAG_VALUE_MAX)
  value: string;
}

/** Body of create (docs/contracts/apig.md §3.1). */
export class InstanceInput {
  @ApiProperty({ pattern: NAME.source, minLength: 3, maxLength: 64, description: 'Gateway name, unique within the project' })
  @IsDefined()
  @Matches(NAME)
  instance_name: string;

  @ApiProperty({ description: `${EDITIONS.join(', ')}, or a numbered platinum such as PLATINUM_X2`, example: 'BASIC' })
  @IsDefined()
  @IsString()
  @IsNotEmpty()
  spec_id: string;

  @ApiProperty({ maxLength: NETWORK_ID_MAX, description: 'Stored and returned, without an effect' })
  @IsDefined()
  @IsString()
  @Length(1, NETWORK_ID_MAX)
  vpc_id: string;

  @ApiProperty({ maxLength: NETWORK_ID_MAX, description: 'Stored and returned, without an effect' })
  @IsDefined()
  @IsString()
  @Length(1, NETWORK_ID_MAX)
  subnet_id: string;

  @ApiProperty({ maxLength: NETWORK_ID_MAX, description: 'Stored and returned, without an effect' })
  @IsDefined()
  @IsString()
  @Length(1, NETWORK_ID_MAX)
  security_group_id: string;

  @ApiProperty({
    type: [String],
    minItems: 1,
    maxItems: ZONES_MAX,
    description: 'Codes of availability zones, as in GET …/available-zones; any other codes are accepted too',
  })
  @IsArray()
  @ArrayMaxSize(ZONES_MAX)
  @IsString({ each: true })
  @Length(1, NETWORK_ID_MAX, { each: true })
  @IsOptional()
  available_zone_ids?: string[];

  @ApiPropertyOptional({ pattern: DESCRIPTION.source, maxLength: 255 })
  @Matches(DESCRIPTION)
  @IsOptional()
  description?: string;

  @ApiPropertyOptional(windowHour)
  @EmptyIsAbsent()
  @Matches(WHOLE_HOUR)
  @IsOptional()
  maintain_begin?: string;

  @ApiPropertyOptional(windowHour)
  @EmptyIsAbsent()
  @Matches(WHOLE_HOUR)
  @IsOptional()
  maintain_end?: string;

  @ApiPropertyOptional({
    pattern: CHOSEN_ID.source,
    minLength: 36,
    maxLength: 36,
    description: 'Id of the gateway, if the caller wants to choose it',
  })
  @EmptyIsAbsent()
  @Matches(CHOSEN_ID)
  @IsOptional()
  instance_id?: string;

  @ApiPropertyOptional({ maxLength: NETWORK_ID_MAX })
  @EmptyIsAbsent()
  @IsString()
  @MaxLength(NETWORK_ID_MAX)
  @IsOptional()
  eip_id?: string;

  @ApiPropertyOptional({ maxLength: NETWORK_ID_MAX, default: '0' })
  @EmptyIsAbsent()
  @IsString()
  @MaxLength(NETWORK_ID_MAX)
  @IsOptional()
  enterprise_project_id?: string;

  @ApiPropertyOptional({ type: 'integer', minimum: 0, maximum: BANDWIDTH_MAX, description: 'Outbound' })
  @IsInt()
  @Min(0)
  @Max(BANDWIDTH_MAX)
  @IsOptional()
  bandwidth_size?: number;

  @ApiPropertyOptional({ enum: CHARGING_MODES, description: 'Outbound' })
  @EmptyIsAbsent()
  @IsIn(CHARGING_MODES)
  @IsOptional()
  bandwidth_charging_mode?: ChargingMode;

  @ApiPropertyOptional({ type: 'integer', minimum: 0, maximum: BANDWIDTH_MAX, description: 'Inbound' })
  @IsInt()
  @Min(0)
  @Max(BANDWIDTH_MAX)
  @IsOptional()
  ingress_bandwidth_size?: number;

  @ApiPropertyOptional({ enum: CHARGING_MODES, description: 'Inbound' })
  @EmptyIsAbsent()
  @IsIn(CHARGING_MODES)
  @IsOptional()
  ingress_bandwidth_charging_mode?: ChargingMode;

  @ApiPropertyOptional({ enum: LOAD_BALANCERS, default: 'elb' })
  @EmptyIsAbsent()
  @IsIn(LOAD_BALANCERS)
  @IsOptional()
  loadbalancer_provider?: LoadBalancer;

  @ApiPropertyOptional({
    maxLength: NETWORK_ID_MAX,
    description: 'Id of the first load balancer in `GET …/extra-elbs`. Stored and returned, without an effect',
  })
  @EmptyIsAbsent()
  @IsString()
  @MaxLength(NETWORK_ID_MAX)
  @IsOptional()
  elb_id?: string;

  @ApiPropertyOptional({ default: false, description: 'Whether the gateway shows an IPv6 address' })
  @IsBoolean()
  @IsOptional()
  ipv6_enable?: boolean;

  @ApiPropertyOptional({ type: [TagInput], maxItems: TAGS_MAX })
  @IsArray()
  @ArrayMaxSize(TAGS_MAX)
  @ValidateNested({ each: true })
  @Type(() => TagInput)
  @IsOptional()
  tags?: TagInput[];

  @ApiPropertyOptional({ pattern: ENDPOINT_NAME.source, maxLength: 16 })
  @EmptyIsAbsent()
  @Matches(ENDPOINT_NAME)
  @IsOptional()
  vpcep_service_name?: string;
}

/** Body of update. Omitted fields keep their values (docs/contracts/apig.md §3.1). */
export class InstanceUpdateInput {
  @ApiPropertyOptional({ pattern: DESCRIPTION.source, maxLength: 255 })
  @Matches(DESCRIPTION)
  @IsOptional()
  description?: string;

  @ApiPropertyOptional(windowHour)
  @EmptyIsAbsent()
  @Matches(WHOLE_HOUR)
  @IsOptional()
  maintain_begin?: string;

  @ApiPropertyOptional(windowHour)
  @EmptyIsAbsent()
  @Matches(WHOLE_HOUR)
  @IsOptional()
  maintain_end?: string;

  @ApiPropertyOptional({ pattern: NAME.source, minLength: 3, maxLength: 64 })
  @EmptyIsAbsent()
  @Matches(NAME)
  @IsOptional()
  instance_name?: string;

  @ApiPropertyOptional({ maxLength: NETWORK_ID_MAX })
  @EmptyIsAbsent()
  @IsString()
  @MaxLength(NETWORK_ID_MAX)
  @IsOptional()
  security_group_id?: string;

  @ApiPropertyOptional({ pattern: ENDPOINT_NAME.source, maxLength: 16 })
  @EmptyIsAbsent()
  @Matches(ENDPOINT_NAME)
  @IsOptional()
  vpcep_service_name?: string;
}

/** Query of the list (docs/contracts/apig.md §3.1). */
export class InstanceQuery extends Page {
  @ApiPropertyOptional({ description: 'Exact id' })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  instance_id?: string;

  @ApiPropertyOptional({ description: 'Text that the name must contain' })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  instance_name?: string;

  @ApiPropertyOptional({ enum: STATUS_WORDS, description: 'Status, as a word or a number' })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  status?: string;
}
