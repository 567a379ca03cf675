import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsInt, IsISO8601, IsOptional, IsString, Matches, Max, MaxLength, Min } from 'class-validator';
import { toMicroseconds } from '../../platform/common/clock.js';
import { MACHINE_ROLES, type MachineRole } from '../../platform/common/access.js';

const SHA256 = /^(?:[0-9A-Fa-f]{64}|[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){31})$/;
const OVERLAP_DEFAULT = 86_400;
const OVERLAP_MAX = 90 * 86_400;

const CERTIFICATE = {
  description:
    'SHA-256 of the only client certificate with which the credential is accepted (DER, hexadecimal, with or without colons). Requires mTLS on this server',
  pattern: SHA256.source,
};

export class GatewayTokenInput {
  @ApiPropertyOptional({
    enum: MACHINE_ROLES,
    default: 'gateway',
    description:
      'gateway: the credential is for nodes that sign for the gateway; verifier: it is for processes that fetch verification keys',
  })
  @IsIn(MACHINE_ROLES)
  @IsOptional()
  role?: MachineRole;

  @ApiPropertyOptional({ maxLength: 64, description: 'For people' })
  @MaxLength(64)
  @IsString()
  @IsOptional()
  name?: string;

  @ApiPropertyOptional({ format: 'date-time', description: 'When the credential expires. Default: never' })
  @IsISO8601({ strict: true })
  @IsOptional()
  expires_at?: string;

  @ApiPropertyOptional(CERTIFICATE)
  @Matches(SHA256)
  @IsOptional()
  client_certificate_sha256?: string;
}

export class GatewayTokenRenewalInput {
  @ApiPropertyOptional({
    format: 'date-time',
    description: 'When the new credential expires. Default: after the lifetime of the old one',
  })
  @IsISO8601({ strict: true })
  @IsOptional()
  expires_at?: string;

  @ApiPropertyOptional({
    type: 'integer',
    minimum: 0,
    maximum: OVERLAP_MAX,
    default: OVERLAP_DEFAULT,
    description: 'Maximum time in seconds for which the old credential is still accepted',
  })
  @Min(0)
  @Max(OVERLAP_MAX)
  @IsInt()
  @IsOptional()
  overlap_seconds: number = OVERLAP_DEFAULT;

  @ApiPropertyOptional({ ...CERTIFICATE, description: `${CERTIFICATE.description}. Default: the certificate of the old credential` })
  @Matches(SHA256)
  @IsOptional()
  client_certificate_sha256?: string;
}

export class GatewayTokenView {
  @ApiProperty({ description: 'Credential' }) id: string;
  @ApiProperty({ description: 'For people' }) name: string;
  @ApiProperty({ enum: MACHINE_ROLES, description: 'Purpose of the credential' }) role: MachineRole;
  @ApiProperty({ format: 'date-time', description: 'When the credential was created' }) create_time: string;
  @ApiProperty({
    type: String,
    format: 'date-time',
    nullable: true,
    description: 'When the credential expires or has ended; null means never',
  })
  expires_at: string | null;
  @ApiProperty({
    description:
      'Whether the credential has ended, so that it is refused and its sessions and verifiers cannot acknowledge anything any more',
  })
  expired: boolean;
  @ApiProperty({
    type: String,
    nullable: true,
    description: 'SHA-256 of the client certificate to which the credential is bound; null if none',
  })
  client_certificate_sha256: string | null;
  @ApiProperty({
    type: String,
    nullable: true,
    description: 'Id of the first credential in the chain of renewals; null if this is the first',
  })
  renewal_of: string | null;
  @ApiProperty({ type: 'integer', description: 'Number of open sessions whose last report used the credential' }) sessions: number;
  @ApiProperty({ type: 'integer', description: 'Maximum number of open sessions' }) sessions_max: number;
}

export class NewGatewayTokenView extends GatewayTokenView {
  @ApiProperty({ description: 'The token, for `Authorization: Bearer`; not shown again' }) token: string;
}

export class GatewayTokenListView {
  @ApiProperty({ type: 'integer', description: 'Credentials' }) total: number;
  @ApiProperty({ type: 'integer', description: 'Equals total, because the list has no pages' }) size: number;
  @ApiProperty({ type: [GatewayTokenView], description: 'Newest first' }) gateway_tokens: GatewayTokenView[];
}

/** A credential without its token. */
export interface GatewayTokenRow {
  id: string;
  role: MachineRole;
  name: string;
  createdAt: number;
  expiresAt: number | null;
  certificateSha256: string | null;
  renewalOf: string | null;
  sessions: number;
}

export const toView = (
  { id, name, role, createdAt, expiresAt, certificateSha256, renewalOf, sessions }: GatewayTokenRow,
  now: number,
  sessionsMax: number,
): GatewayTokenView => ({
  id,
  name,
  role,
  create_time: toMicroseconds(createdAt),
  expires_at: expiresAt === null ? null : toMicroseconds(expiresAt),
  expired: expiresAt !== null && expiresAt <= now,
  client_certificate_sha256: certificateSha256,
  renewal_of: renewalOf,
  sessions,
  sessions_max: sessionsMax,
});
