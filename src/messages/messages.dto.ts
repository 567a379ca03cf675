import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { ArrayMaxSize, ArrayMinSize, IsArray, IsDefined, IsIn, IsOptional, IsString, MaxLength } from 'class-validator';
import { toMilliseconds } from '../common/clock.js';
import { Cursor, Limit } from '../common/cursor.js';
import { EmptyIsAbsent } from '../common/pagination.js';
import type { AttemptRow } from './attempt-row.js';
import { MESSAGE_STATUSES, type MessageStatus } from './message.entity.js';
import { type MessageRow, statusOf } from './message-row.js';

const nullable = (type: 'string' | 'integer', description: string, format?: string) =>
  ({ type, nullable: true, description, ...(format && { format }) }) as const;
const status = { enum: MESSAGE_STATUSES, description: 'Where the message is in its life' } as const;
const instant = (description: string) => ({ format: 'date-time', description }) as const;
const maybeInstant = (description: string) => nullable('string', description, 'date-time');

const at = (epochMs: number | null): string | null => (epochMs === null ? null : toMilliseconds(epochMs));

/** A message without its payload, which is never shown (endpoints §1.7). */
export class MessageView {
  @ApiProperty({ format: 'uuid', description: 'Message' }) id: string;
  @ApiProperty({ description: 'Project' }) project_id: string;
  @ApiProperty({ description: 'Endpoint' }) endpoint_id: string;
  @ApiProperty(status) status: MessageStatus;
  @ApiProperty({ type: 'integer', description: 'Attempts that are over' }) attempt_count: number;
  @ApiProperty({ type: 'integer', description: 'Times it was replayed' }) replay_count: number;
  @ApiProperty({ enum: ['application/json'], description: 'Of the payload' }) content_type: 'application/json';
  @ApiProperty({ type: 'integer', description: 'Of the payload' }) size_bytes: number;
  @ApiProperty({ description: 'Hex SHA-256 of the payload' }) payload_sha256: string;
  @ApiProperty(nullable('string', 'As it was sent')) idempotency_key: string | null;
  @ApiProperty(maybeInstant('When it is attempted again')) next_attempt_at: string | null;
  @ApiProperty(nullable('string', 'Why the last attempt failed')) last_error: string | null;
  @ApiProperty(nullable('integer', 'HTTP status of the last attempt')) response_status: number | null;
  @ApiProperty(nullable('integer', 'Of the last attempt')) response_latency_ms: number | null;
  @ApiProperty({ type: 'integer', description: 'How long the payload is kept; 0: until it is delivered' }) retention_hours: number;
  @ApiProperty(maybeInstant('When the payload goes; null once it is gone')) payload_expires_at: string | null;
  @ApiProperty(instant('When it was accepted')) created_at: string;
  @ApiProperty(instant('When it last changed')) updated_at: string;
}

export const toView = (row: MessageRow): MessageView => ({
  id: row.id,
  project_id: row.projectId,
  endpoint_id: row.endpointId,
  status: statusOf(row),
  attempt_count: row.attemptCount,
  replay_count: row.replayCount,
  content_type: 'application/json',
  size_bytes: row.sizeBytes,
  payload_sha256: row.payloadSha256,
  idempotency_key: row.idempotencyKey,
  next_attempt_at: row.claimed ? null : at(row.dueAt),
  last_error: row.lastError,
  response_status: row.responseStatus,
  response_latency_ms: row.responseLatencyMs,
  retention_hours: row.retentionHours,
  payload_expires_at: at(row.expiresAt),
  created_at: toMilliseconds(row.createdAt),
  updated_at: toMilliseconds(row.updatedAt),
});

/** What the documents print of an action, and the whole message, which one official client reads (endpoints §1.15). */
export class ActedMessageView extends MessageView {
  @ApiProperty({ format: 'uuid', description: 'Message' }) message_id: string;
}

export class AttemptView {
  @ApiProperty({ format: 'uuid', description: 'Attempt' }) id: string;
  @ApiProperty({ type: 'integer', minimum: 1, description: 'Of the message, replays included' }) attempt_no: number;
  @ApiProperty(nullable('integer', 'HTTP status; null when there was no answer')) response_status: number | null;
  @ApiProperty({ type: 'integer', description: 'Until the answer began, connecting included' }) response_latency_ms: number;
  @ApiProperty({ type: 'integer', description: 'The whole attempt' }) processing_ms: number;
  @ApiProperty(nullable('string', 'Why it failed')) error_text: string | null;
  @ApiProperty({ type: 'object', additionalProperties: { type: 'string' }, nullable: true, description: 'Of the answer' })
  response_headers: Record<string, string> | null;
  @ApiProperty({ enum: ['fast', 'slow'], type: 'string', nullable: true, description: 'Which schedule the next attempt follows' })
  retry_type: 'fast' | 'slow' | null;
  @ApiProperty(nullable('integer', 'What Retry-After asked for')) retry_after_seconds: number | null;
  @ApiProperty(nullable('string', 'Address that was connected to')) resolved_ip: string | null;
  @ApiProperty({
    type: 'object',
    additionalProperties: { type: 'string' },
    description: 'As they were sent; `***` stands for the values of headers of your own',
  })
  request_headers: Record<string, string>;
  @ApiProperty(nullable('integer', 'Of the look-up; null on a connection that was there')) dns_ms: number | null;
  @ApiProperty(nullable('integer', 'Of the connection')) tcp_connect_ms: number | null;
  @ApiProperty(nullable('integer', 'Of the handshake')) tls_handshake_ms: number | null;
  @ApiProperty(nullable('integer', 'From the request to the beginning of the answer')) ttfb_ms: number | null;
  @ApiProperty(nullable('integer', 'Of the body of the answer')) transfer_ms: number | null;
  @ApiProperty({ description: 'Whether the connection was there already' }) conn_reused: boolean;
  @ApiProperty(nullable('string', 'Always null: bodies of answers are not kept')) response_body_url: null;
  @ApiProperty({ description: 'Whether the body of the answer was longer, or slower, than is waited for' })
  response_body_truncated: boolean;
  @ApiProperty(instant('When it began')) created_at: string;
}

export const toAttemptView = (row: AttemptRow): AttemptView => ({
  id: row.id,
  attempt_no: row.attemptNo,
  response_status: row.responseStatus,
  response_latency_ms: row.responseLatencyMs,
  processing_ms: row.processingMs,
  error_text: row.errorText,
  response_headers: row.responseHeaders === null ? null : (JSON.parse(row.responseHeaders) as Record<string, string>),
  retry_type: row.retryType,
  retry_after_seconds: row.retryAfterSeconds,
  resolved_ip: row.resolvedIp,
  request_headers: JSON.parse(row.requestHeaders) as Record<string, string>,
  dns_ms: row.dnsMs,
  tcp_connect_ms: row.tcpConnectMs,
  tls_handshake_ms: row.tlsHandshakeMs,
  ttfb_ms: row.ttfbMs,
  transfer_ms: row.transferMs,
  conn_reused: Boolean(row.connReused),
  response_body_url: null,
  response_body_truncated: Boolean(row.responseBodyTruncated),
  created_at: toMilliseconds(row.createdAt),
});

/** A row of the log, and of the dead-letter list (endpoints §1.8). */
export class LogEntryView {
  @ApiProperty({ format: 'uuid', description: 'Message' }) message_id: string;
  @ApiProperty({ description: 'URL of the endpoint' }) endpoint: string;
  @ApiProperty({ description: 'Endpoint' }) endpoint_id: string;
  @ApiProperty(status) status: MessageStatus;
  @ApiProperty({ type: 'integer', description: 'Attempts that are over' }) attempt_count: number;
  @ApiProperty(instant('When it was accepted')) created_at: string;
  @ApiProperty(maybeInstant('When it was delivered')) delivered_at: string | null;
  @ApiProperty(maybeInstant('When it failed for good')) failed_at: string | null;
  @ApiProperty(maybeInstant('When it is attempted again')) next_attempt_at: string | null;
  @ApiProperty(nullable('integer', 'HTTP status of the last attempt')) response_status: number | null;
  @ApiProperty(nullable('integer', 'Of the last attempt')) response_latency_ms: number | null;
  @ApiProperty(nullable('string', 'Why the last attempt failed')) last_error: string | null;
}

export const toLogEntry = (row: MessageRow): LogEntryView => ({
  message_id: row.id,
  endpoint: row.url,
  endpoint_id: row.endpointId,
  status: statusOf(row),
  attempt_count: row.attemptCount,
  created_at: toMilliseconds(row.createdAt),
  delivered_at: at(row.deliveredAt),
  failed_at: row.status === 'failed_permanent' ? at(row.failedAt) : null,
  next_attempt_at: row.claimed ? null : at(row.dueAt),
  response_status: row.responseStatus,
  response_latency_ms: row.responseLatencyMs,
  last_error: row.lastError,
});

export class DeadLettersView {
  @ApiProperty({ type: [LogEntryView] }) messages: LogEntryView[];
  @ApiProperty({ description: 'Whether there is a next page' }) has_more: boolean;
  @ApiProperty({ type: 'string', nullable: true, description: 'For the next page; null at the end' }) next_cursor: string | null;
}

export class DeadLetterQuery {
  @Limit(1000, 100)
  limit: number = 100;

  @Cursor()
  cursor?: string;
}

class Selection {
  @ApiPropertyOptional({ description: 'Of this endpoint' })
  @EmptyIsAbsent()
  @MaxLength(64)
  @IsString()
  @IsOptional()
  endpoint_id?: string;
}

export class LogQuery extends Selection {
  @ApiPropertyOptional({ enum: MESSAGE_STATUSES, description: 'In this status' })
  @EmptyIsAbsent()
  @IsIn(MESSAGE_STATUSES)
  @IsOptional()
  status?: MessageStatus;

  @ApiPropertyOptional({ format: 'date-time', description: 'Accepted at or after' })
  @EmptyIsAbsent()
  @MaxLength(40)
  @IsString()
  @IsOptional()
  start_time?: string;

  @ApiPropertyOptional({ format: 'date-time', description: 'Accepted before' })
  @EmptyIsAbsent()
  @MaxLength(40)
  @IsString()
  @IsOptional()
  end_time?: string;

  @Limit(500, 50)
  limit: number = 50;

  @Cursor()
  cursor?: string;
}

export const WINDOWS = ['1h', '24h', '7d', '30d'] as const;
export type Window = (typeof WINDOWS)[number];

export class MetricsQuery extends Selection {
  @ApiPropertyOptional({ enum: WINDOWS, default: '24h', description: 'How far back' })
  @EmptyIsAbsent()
  @IsIn(WINDOWS)
  @IsOptional()
  window?: Window;
}

export class MetricsView {
  @ApiProperty({ enum: WINDOWS, description: 'How far back' }) window: Window;
  @ApiProperty({ type: 'integer', description: 'Messages accepted in the window' }) total_messages: number;
  @ApiProperty({ type: 'integer', description: 'Of them, delivered' }) succeeded: number;
  @ApiProperty({ type: 'integer', description: 'Of them, failed for good' }) failed: number;
  @ApiProperty({ type: 'integer', description: 'Attempts after the first' }) retries: number;
  @ApiProperty({ type: 'number', minimum: 0, maximum: 1, description: 'Delivered, of those that are over; 0 when none is' })
  success_rate: number;
  @ApiProperty({ type: 'integer', description: 'Mean of the last attempts that were answered; 0 when none was' }) avg_latency_ms: number;
}

export class BucketView {
  @ApiProperty(instant('Beginning of the bucket')) timestamp: string;
  @ApiProperty({ type: 'integer', description: 'Delivered' }) succeeded: number;
  @ApiProperty({ type: 'integer', description: 'Failed for good' }) failed: number;
  @ApiProperty({ type: 'integer', description: 'Waiting for a retry' }) retrying: number;
  @ApiProperty({ type: 'integer', description: 'Accepted' }) total: number;
  @ApiProperty({ type: 'integer', description: 'Mean of the last attempts that were answered; 0 when none was' }) avg_latency_ms: number;
}

export class TimeSeriesView {
  @ApiProperty({ enum: WINDOWS, description: 'How far back' }) window: Window;
  @ApiProperty({ type: [BucketView] }) buckets: BucketView[];
}

const BATCH_MAX = 100;

export class BatchInput {
  @ApiProperty({ type: [String], minItems: 1, maxItems: BATCH_MAX, description: 'Messages' })
  @MaxLength(64, { each: true })
  @IsString({ each: true })
  @ArrayMaxSize(BATCH_MAX)
  @ArrayMinSize(1)
  @IsArray()
  @IsDefined()
  message_ids: string[];
}

export class AllQuery extends Selection {
  @ApiProperty({ enum: MESSAGE_STATUSES, description: 'Messages in this status' })
  @IsIn(MESSAGE_STATUSES)
  @IsDefined()
  status: MessageStatus;

  @Limit(1000, 100)
  limit: number = 100;
}

export class ReplayedAllView {
  @ApiProperty({ type: 'integer', description: 'Put in the queue again' }) replayed: number;
  @ApiProperty({ type: 'integer', description: 'Could not be: the payload is gone, or they were replayed too often' }) failed: number;
  @ApiProperty({ type: 'integer', description: 'Are under way, and were left alone' }) stuck: number;
  @ApiProperty({ type: [String] }) replayed_message_ids: string[];
  @ApiProperty({ type: [String] }) stuck_message_ids: string[];
}

export class BatchResultView {
  @ApiProperty({ description: 'Message' }) message_id: string;
  @ApiProperty({ enum: ['queued', 'stuck', 'failed'], description: 'What became of it' }) status: 'queued' | 'stuck' | 'failed';
  @ApiPropertyOptional({ description: 'Code of the error, when it was not put in the queue' }) error?: string;
}

export class ReplayedBatchView {
  @ApiProperty({ type: 'integer', description: 'Put in the queue again' }) replayed: number;
  @ApiProperty({ type: 'integer', description: 'Could not be' }) failed: number;
  @ApiProperty({ type: 'integer', description: 'Are under way, and were left alone' }) stuck: number;
  @ApiProperty({ type: [BatchResultView] }) results: BatchResultView[];
}

export class ReplayedView {
  @ApiProperty({ format: 'uuid', description: 'Message' }) message_id: string;
  @ApiProperty({ enum: ['queued'], description: 'It is delivered again' }) status: 'queued';
}

export class DeletedMessageView {
  @ApiProperty({ format: 'uuid', description: 'Message' }) message_id: string;
  @ApiProperty(instant('When it was deleted')) deleted_at: string;
  @ApiProperty({ description: 'Whether it was deleted before' }) already_deleted: boolean;
}
