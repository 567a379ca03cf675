import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Transform, Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayNotEmpty,
  IsArray,
  IsBoolean,
  IsDefined,
  IsIn,
  IsInt,
  IsNotEmpty,
  IsOptional,
  IsString,
  Length,
  Max,
  Min,
  ValidateNested,
} from 'class-validator';
import { ZeroMeansNotGiven } from '../../platform/common/left-out.js';
import { EmptyIsAbsent, Page, strictInteger } from '../../platform/common/pagination.js';
import { EDITIONS } from './editions.js';
import { BANDWIDTH_DEFAULT, ELBS_MAX, type IngressPort } from './instances.details.js';
import { BANDWIDTH_MAX, CHARGING_MODES, type ChargingMode, NETWORK_ID_MAX } from './instances.dto.js';

const PROTOCOLS = ['HTTP', 'HTTPS'] as const;
const PORT_MIN = 1024;
const PORT_MAX = 49_151;

/** Body of enabling outbound or inbound access, and of changing its bandwidth (docs/contracts/apig-clients.md §2). */
export class BandwidthInput {
  @ApiPropertyOptional({
    type: 'integer',
    minimum: 1,
    maximum: BANDWIDTH_MAX,
    description: `Mbit/s, as a number or a text. Default: ${BANDWIDTH_DEFAULT} when access is enabled, otherwise unchanged`,
  })
  @EmptyIsAbsent()
  @Transform(({ value }) => strictInteger(value))
  @ZeroMeansNotGiven()
  @IsInt()
  @Min(1)
  @Max(BANDWIDTH_MAX)
  @IsOptional()
  bandwidth_size?: number;

  @ApiPropertyOptional({ enum: CHARGING_MODES })
  @EmptyIsAbsent()
  @IsIn(CHARGING_MODES)
  @IsOptional()
  bandwidth_charging_mode?: ChargingMode;
}

/** Body of binding an elastic IP. */
export class EipInput {
  @ApiProperty({ minLength: 1, maxLength: NETWORK_ID_MAX, description: 'Stored and returned, without an effect' })
  @IsDefined()
  @IsString()
  @Length(1, NETWORK_ID_MAX)
  eip_id: string;
}

export class EipView {
  @ApiProperty() eip_id: string;
  @ApiProperty({ example: '203.0.113.10' }) eip_address: string;
  @ApiProperty({ example: 'ACTIVE' }) eip_status: string;
}

/** Body of changing the edition. */
export class ResizeInput {
  @ApiProperty({ description: `${EDITIONS.join(', ')}, or a numbered platinum such as PLATINUM_X2`, example: 'PROFESSIONAL' })
  @IsDefined()
  @IsString()
  @IsNotEmpty()
  spec_id: string;
}

/** Body of adding a custom inbound port. */
export class IngressPortInput {
  @ApiProperty({ enum: PROTOCOLS })
  @IsDefined()
  @IsIn(PROTOCOLS)
  protocol: IngressPort['protocol'];

  @ApiProperty({ type: 'integer', minimum: PORT_MIN, maximum: PORT_MAX, description: 'Unique within the gateway' })
  @IsDefined()
  @IsInt()
  @Min(PORT_MIN)
  @Max(PORT_MAX)
  ingress_port: number;
}

export class IngressPortQuery extends Page {
  @ApiPropertyOptional({ enum: PROTOCOLS, description: 'Only ports with this protocol' })
  @EmptyIsAbsent()
  @IsIn(PROTOCOLS)
  @IsOptional()
  protocol?: IngressPort['protocol'];

  @ApiPropertyOptional({ type: 'integer', description: 'This port' })
  @EmptyIsAbsent()
  @Transform(({ value }) => strictInteger(value))
  @ZeroMeansNotGiven()
  @IsInt()
  @Min(PORT_MIN)
  @Max(PORT_MAX)
  @IsOptional()
  ingress_port?: number;
}

export class IngressPortView {
  @ApiProperty() ingress_port_id: string;
  @ApiProperty({ enum: PROTOCOLS }) protocol: IngressPort['protocol'];
  @ApiProperty({ type: 'integer' }) ingress_port: number;
  @ApiProperty({ example: 'normal' }) status: string;
}

export class IngressPortsView {
  @ApiProperty({ type: 'integer', description: 'Number of matches on all pages' }) total: number;
  @ApiProperty({ type: 'integer', description: 'Number of rows on this page' }) size: number;
  @ApiProperty({ type: [IngressPortView], description: 'The ports in the order in which they were added' })
  ingress_port_infos: IngressPortView[];
}

export const toPortView = ({ id, protocol, port }: IngressPort): IngressPortView => ({
  ingress_port_id: id,
  protocol,
  ingress_port: port,
  status: 'normal',
});

/** A load balancer to add. */
export class ElbInput {
  @ApiProperty({ minLength: 1, maxLength: NETWORK_ID_MAX })
  @IsDefined()
  @IsString()
  @Length(1, NETWORK_ID_MAX)
  id: string;

  @ApiPropertyOptional({ description: 'Accepted, but ignored' })
  @IsBoolean()
  @IsOptional()
  force_overwrite_enabled?: boolean;
}

/** Body of adding load balancers. */
export class ElbsInput {
  @ApiProperty({ type: [ElbInput], minItems: 1, maxItems: ELBS_MAX })
  @IsDefined()
  @IsArray()
  @ArrayNotEmpty()
  @ArrayMaxSize(ELBS_MAX)
  @ValidateNested({ each: true })
  @Type(() => ElbInput)
  elb_details: ElbInput[];
}

/** Body of removing load balancers. */
export class ElbIdsInput {
  @ApiProperty({ type: [String], minItems: 1, maxItems: ELBS_MAX })
  @IsDefined()
  @IsArray()
  @ArrayNotEmpty()
  @ArrayMaxSize(ELBS_MAX)
  @IsString({ each: true })
  elb_ids: string[];
}

export class ElbView {
  @ApiProperty() elb_id: string;
}

export class ElbsView {
  @ApiProperty({ type: [ElbView] }) elbs: ElbView[];
}
