import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsInt, IsOptional, IsString, Max, Min, ValidateBy } from 'class-validator';
import { Transform } from 'class-transformer';
import { toMicroseconds } from '../common/clock.js';
import { EmptyIsAbsent } from '../common/pagination.js';
import type { AuditEvent } from './audit-event.entity.js';
import { DENIED } from './service-chains.js';

const LIMIT_MAX = 1000;
const EXPORT_LIMIT_MAX = 1_000_000;
const OUTCOMES = ['success', 'denied'] as const;
const FORMATS = ['jsonl', 'cadf'] as const;
export type ExportFormat = (typeof FORMATS)[number];

/** Parses a number in a query. The validator refuses any other text. */
const WholeNumber = () =>
  Transform(({ value }: { value: unknown }) => (typeof value === 'string' && /^\d{1,9}$/.test(value) ? Number(value) : value));

/** A time in the format of RFC 3339, in UTC. */
const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?Z$/;
export const isInstant = (text: unknown): text is string =>
  typeof text === 'string' && INSTANT.test(text) && !Number.isNaN(Date.parse(text));
const IsInstant = () => ValidateBy({ name: 'isInstant', validator: { validate: isInstant } });

/** Query of the audit trail: newest first, in pages. */
export class AuditQuery {
  @ApiPropertyOptional({ description: 'Only events of this gateway' })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  instance_id?: string;

  @ApiPropertyOptional({ description: 'Only events about this resource, e.g. a signature key id' })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  resource_id?: string;

  @ApiPropertyOptional({ description: 'Only this action, e.g. DeleteSignatureKey' })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  action?: string;

  @ApiPropertyOptional({ enum: OUTCOMES, description: 'Only successful changes, or only denied requests' })
  @EmptyIsAbsent()
  @IsIn(OUTCOMES)
  @IsOptional()
  outcome?: (typeof OUTCOMES)[number];

  @ApiPropertyOptional({ type: 'integer', minimum: 1, maximum: LIMIT_MAX, default: 100, description: 'Number of events per page' })
  @WholeNumber()
  @IsInt()
  @Min(1)
  @Max(LIMIT_MAX)
  @IsOptional()
  limit: number = 100;

  @ApiPropertyOptional({ description: 'next_cursor of the previous page' })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  cursor?: string;
}

/** Query of the export: oldest first, streamed. */
export class AuditExportQuery {
  @ApiPropertyOptional({
    enum: FORMATS,
    default: 'jsonl',
    description: 'The fields of Signet, or events in the format of the DMTF Cloud Audit Data Federation (CADF)',
  })
  @EmptyIsAbsent()
  @IsIn(FORMATS)
  @IsOptional()
  format: ExportFormat = 'jsonl';

  @ApiPropertyOptional({ format: 'date-time', description: 'Only events at or after this time, UTC' })
  @EmptyIsAbsent()
  @IsInstant()
  @IsOptional()
  since?: string;

  @ApiPropertyOptional({ format: 'date-time', description: 'Only events before this time, UTC' })
  @EmptyIsAbsent()
  @IsInstant()
  @IsOptional()
  until?: string;

  @ApiPropertyOptional({
    type: 'integer',
    minimum: 1,
    maximum: EXPORT_LIMIT_MAX,
    default: 10_000,
    description: 'Maximum number of events in the response',
  })
  @WholeNumber()
  @IsInt()
  @Min(1)
  @Max(EXPORT_LIMIT_MAX)
  @IsOptional()
  limit: number = 10_000;

  @ApiPropertyOptional({ description: 'The marker in the Link header of the previous answer' })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  cursor?: string;
}

export class AuditEventView {
  @ApiProperty({ description: 'The gateway or project whose chain contains the event; signet.denied for refused requests' })
  scope_id: string;
  @ApiProperty({ type: 'integer', description: 'Position in the chain, and the revision of the write' }) seq: number;
  @ApiProperty({ enum: OUTCOMES }) outcome: (typeof OUTCOMES)[number];
  @ApiProperty({ description: 'CTS name, e.g. DeleteSignatureKey' }) action: string;
  @ApiProperty() resource_type: string;
  @ApiProperty() resource_id: string;
  @ApiProperty({ type: String, nullable: true }) resource_name: string | null;
  @ApiProperty({
    type: Object,
    nullable: true,
    description: 'Further facts, e.g. the number of publications from which a deleted key was unbound',
  })
  detail: unknown;
  @ApiProperty() user_id: string;
  @ApiProperty() user_name: string;
  @ApiProperty({ type: String, nullable: true, description: 'The access key that signed the request' }) access_key_id: string | null;
  @ApiProperty({ description: 'First 16 hex digits of the SHA-256 of the credential' }) credential_hash: string;
  @ApiProperty() source_address: string;
  @ApiProperty() request_id: string;
  @ApiProperty({ format: 'date-time' }) time: string;
  @ApiProperty({ type: 'integer', description: 'Version of the hash, which determines the fields that the hash covers' }) format: number;
  @ApiProperty({ description: 'Hex SHA-256 over the event and the previous hash' }) hash: string;
}

export class AuditPageView {
  @ApiProperty({ type: [AuditEventView] }) events: AuditEventView[];
  @ApiProperty({ type: String, nullable: true }) next_cursor: string | null;
}

export const toView = (event: AuditEvent): AuditEventView => ({
  scope_id: event.scopeId,
  seq: event.seq,
  outcome: event.scopeId === DENIED ? 'denied' : 'success',
  action: event.action,
  resource_type: event.resourceType,
  resource_id: event.resourceId,
  resource_name: event.resourceName,
  detail: event.detail === null ? null : (JSON.parse(event.detail) as unknown),
  user_id: event.userId,
  user_name: event.userName,
  access_key_id: event.accessKeyId,
  credential_hash: event.credentialHash,
  source_address: event.sourceAddress,
  request_id: event.requestId,
  time: toMicroseconds(event.createdAt),
  format: event.format,
  hash: event.hash,
});
