import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsOptional, IsString, MaxLength } from 'class-validator';
import { toMicroseconds } from '../common/clock.js';
import { MACHINE_ROLES, type MachineRole } from '../common/principal.js';
import type { GatewayToken } from './gateway-token.entity.js';

export class GatewayTokenInput {
  @ApiPropertyOptional({
    enum: MACHINE_ROLES,
    default: 'gateway',
    description: 'gateway: sign for the gateway; verifier: read what verifiers accept',
  })
  @IsIn(MACHINE_ROLES)
  @IsOptional()
  role?: MachineRole;

  @ApiPropertyOptional({ maxLength: 64, description: 'For people' })
  @MaxLength(64)
  @IsString()
  @IsOptional()
  name?: string;
}

export class GatewayTokenView {
  @ApiProperty({ description: 'Credential' }) id: string;
  @ApiProperty({ description: 'For people' }) name: string;
  @ApiProperty({ enum: MACHINE_ROLES, description: 'What it is for' }) role: MachineRole;
  @ApiProperty({ format: 'date-time', description: 'When it was made' }) create_time: string;
}

export class NewGatewayTokenView extends GatewayTokenView {
  @ApiProperty({ description: 'The token, for `Authorization: Bearer`; it is not shown again' }) token: string;
}

export class GatewayTokenListView {
  @ApiProperty({ type: 'integer', description: 'Credentials' }) total: number;
  @ApiProperty({ type: 'integer', description: 'The same' }) size: number;
  @ApiProperty({ type: [GatewayTokenView], description: 'Newest first' }) gateway_tokens: GatewayTokenView[];
}

export const toView = ({ id, name, role, createdAt }: Pick<GatewayToken, 'id' | 'name' | 'role' | 'createdAt'>): GatewayTokenView => ({
  id,
  name,
  role,
  create_time: toMicroseconds(createdAt),
});
