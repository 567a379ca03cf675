import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsInt, IsOptional, IsString, Max, Min } from 'class-validator';
import { Transform } from 'class-transformer';
import { toMicroseconds } from '../common/clock.js';
import { EmptyIsAbsent } from '../common/pagination.js';
import type { AuditEvent } from './audit-event.entity.js';

const LIMIT_MAX = 1000;

/** Query of the audit trail: newest first, one page at a time. */
export class AuditQuery {
  @ApiPropertyOptional({ description: 'Only events of this gateway' })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  instance_id?: string;

  @ApiPropertyOptional({ description: 'Only events about this thing, e.g. a signature key id' })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  resource_id?: string;

  @ApiPropertyOptional({ description: 'Only this action, e.g. DeleteSignatureKey' })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  action?: string;

  @ApiPropertyOptional({ type: 'integer', minimum: 1, maximum: LIMIT_MAX, default: 100, description: 'Events in a page' })
  @Transform(({ value }: { value: unknown }) => (typeof value === 'string' && /^\d{1,9}$/.test(value) ? Number(value) : value))
  @IsInt()
  @Min(1)
  @Max(LIMIT_MAX)
  @IsOptional()
  limit: number = 100;

  @ApiPropertyOptional({ description: 'next_cursor of the page before' })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  cursor?: string;
}

export class AuditEventView {
  @ApiProperty({ description: 'The gateway or project whose chain the event is in' }) scope_id: string;
  @ApiProperty({ type: 'integer', description: 'Position in the chain, and the revision of the write' }) seq: number;
  @ApiProperty({ description: 'CTS name, e.g. DeleteSignatureKey' }) action: string;
  @ApiProperty() resource_type: string;
  @ApiProperty() resource_id: string;
  @ApiProperty({ type: String, nullable: true }) resource_name: string | null;
  @ApiProperty({
    type: Object,
    nullable: true,
    description: 'What else the event proves, e.g. how many publications a deleted key was unbound from',
  })
  detail: unknown;
  @ApiProperty() user_id: string;
  @ApiProperty() user_name: string;
  @ApiProperty({ description: 'First 16 hex digits of the SHA-256 of the credential' }) credential_hash: string;
  @ApiProperty() source_address: string;
  @ApiProperty() request_id: string;
  @ApiProperty({ format: 'date-time' }) time: string;
  @ApiProperty({ description: 'Hex SHA-256 over the event and the hash before it' }) hash: string;
}

export class AuditPageView {
  @ApiProperty({ type: [AuditEventView] }) events: AuditEventView[];
  @ApiProperty({ type: String, nullable: true }) next_cursor: string | null;
}

export const toView = (event: AuditEvent): AuditEventView => ({
  scope_id: event.scopeId,
  seq: event.seq,
  action: event.action,
  resource_type: event.resourceType,
  resource_id: event.resourceId,
  resource_name: event.resourceName,
  detail: event.detail === null ? null : (JSON.parse(event.detail) as unknown),
  user_id: event.userId,
  user_name: event.userName,
  credential_hash: event.credentialHash,
  source_address: event.sourceAddress,
  request_id: event.requestId,
  time: toMicroseconds(event.createdAt),
  hash: event.hash,
});
