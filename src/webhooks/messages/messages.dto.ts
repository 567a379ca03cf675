import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { ArrayMaxSize, ArrayMinSize, IsArray, IsDefined, IsIn, IsOptional, IsString, MaxLength } from 'class-validator';
import { toMilliseconds } from '../../platform/common/clock.js';
import { Cursor, Limit } from '../../platform/common/cursor.js';
import { EmptyIsAbsent } from '../../platform/common/pagination.js';
import type { AttemptRow } from '../delivery/attempt-row.js';
import { MESSAGE_STATUSES, type MessageStatus } from '../delivery/message.entity.js';
import { type MessageRow, statusOf } from '../delivery/message-row.js';

const nullable = (type: 'string' | 'integer', description: string, format?: string) =>
  ({ type, nullable: true, description, ...(format && { format }) }) as const;
const status = { enum: MESSAGE_STATUSES, description: 'Status of the message' } as const;
const instant = (description: string) => ({ format: 'date-time', description }) as const;
const maybeInstant = (description: string) => nullable('string', description, 'date-time');

const at = (epochMs: number | null): string | null => (epochMs === null ? null : toMilliseconds(epochMs));

/** A message without its payload, which is never shown (docs/contracts/endpoints.md §1.7). */
export class MessageView {
  @ApiProperty({ format: 'uuid', description: 'Message' }) id: string;
  @ApiProperty({ description: 'Project' }) project_id: string;
  @ApiProperty({ description: 'Endpoint' }) endpoint_id: string;
  @ApiProperty(status) status: MessageStatus;
  @ApiProperty({ type: 'integer', description: 'Finished attempts' }) attempt_count: number;
  @ApiProperty({ type: 'integer', description: 'Number of replays' }) replay_count: number;
  @ApiProperty({ enum: ['application/json'], description: 'Content type of the payload' }) content_type: 'application/json';
  @ApiProperty({ type: 'integer', description: 'Size of the payload' }) size_bytes: number;
  @ApiProperty({ description: 'Hex SHA-256 of the payload' }) payload_sha256: string;
  @ApiProperty(nullable('string', 'The idempotency key, as the client sent it')) idempotency_key: string | null;
  @ApiProperty(maybeInstant('Time of the next attempt')) next_attempt_at: string | null;
  @ApiProperty(nullable('string', 'Reason why the last attempt failed')) last_error: string | null;
  @ApiProperty(nullable('integer', 'HTTP status of the last attempt')) response_status: number | null;
  @ApiProperty(nullable('integer', 'Time until the response headers of the last attempt, in milliseconds')) response_latency_ms:
    | number
    | null;
  @ApiProperty({ type: 'integer', description: 'How long the payload is stored; 0 means until the message is delivered' })
  retention_hours: number;
  @ApiProperty(maybeInstant('When the payload will be deleted; null after the deletion')) payload_expires_at: string | null;
  @ApiProperty(instant('When the message was accepted')) created_at: string;
  @ApiProperty(instant('When the message last changed')) updated_at: string;
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

/**
 * Fields of a message after an action: `message_id`, which the contract specifies, and the message, which an official client reads
 * (docs/contracts/endpoints.md §1.15).
 */
export class ActedMessageView extends MessageView {
  @ApiProperty({ format: 'uuid', description: 'Message' }) message_id: string;
}

export class AttemptView {
  @ApiProperty({ format: 'uuid', description: 'Attempt' }) id: string;
  @ApiProperty({ type: 'integer', minimum: 1, description: 'Number of the attempt, counted across replays' }) attempt_no: number;
  @ApiProperty(nullable('integer', 'HTTP status; null if there was no response')) response_status: number | null;
  @ApiProperty({ type: 'integer', description: 'Time until the response headers in milliseconds, including the connection' })
  response_latency_ms: number;
  @ApiProperty({ type: 'integer', description: 'Duration of the whole attempt in milliseconds' }) processing_ms: number;
  @ApiProperty(nullable('string', 'Reason why the attempt failed')) error_text: string | null;
  @ApiProperty({ type: 'object', additionalProperties: { type: 'string' }, nullable: true, description: 'Headers of the response' })
  response_headers: Record<string, string> | null;
  @ApiProperty({ enum: ['fast', 'slow'], type: 'string', nullable: true, description: 'Retry schedule of the next attempt' })
  retry_type: 'fast' | 'slow' | null;
  @ApiProperty(nullable('integer', 'Delay that the receiver requested by Retry-After')) retry_after_seconds: number | null;
  @ApiProperty(nullable('string', 'IP address of the receiver')) resolved_ip: string | null;
  @ApiProperty({
    type: 'object',
    additionalProperties: { type: 'string' },
    description: 'Headers of the request; the values of headers that you have added are shown as `***`',
  })
  request_headers: Record<string, string>;
  @ApiProperty(nullable('integer', 'Duration of the DNS look-up; null on a reused connection')) dns_ms: number | null;
  @ApiProperty(nullable('integer', 'Duration of the TCP connection; null on a reused connection')) tcp_connect_ms: number | null;
  @ApiProperty(nullable('integer', 'Duration of the TLS handshake')) tls_handshake_ms: number | null;
  @ApiProperty(nullable('integer', 'Time from the end of the request to the beginning of the response')) ttfb_ms: number | null;
  @ApiProperty(nullable('integer', 'Duration of the transfer of the response body')) transfer_ms: number | null;
  @ApiProperty({ description: 'Whether a connection was reused' }) conn_reused: boolean;
  @ApiProperty(nullable('string', 'Always null: response bodies are not stored')) response_body_url: null;
  @ApiProperty({ description: 'Whether the response body exceeded the size or time limit' })
  response_body_truncated: boolean;
  @ApiProperty(instant('When the attempt began')) created_at: string;
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

/** A row of the message log and of the dead-letter list (docs/contracts/endpoints.md §1.8). */
export class LogEntryView {
  @ApiProperty({ format: 'uuid', description: 'Message' }) message_id: string;
  @ApiProperty({ description: 'URL of the endpoint; empty if the endpoint was deleted' }) endpoint: string;
  @ApiProperty({ description: 'Endpoint' }) endpoint_id: string;
  @ApiProperty(status) status: MessageStatus;
  @ApiProperty({ type: 'integer', description: 'Finished attempts' }) attempt_count: number;
  @ApiProperty(instant('When the message was accepted')) created_at: string;
  @ApiProperty(maybeInstant('When the message was delivered')) delivered_at: string | null;
  @ApiProperty(maybeInstant('When the message failed for good')) failed_at: string | null;
  @ApiProperty(maybeInstant('Time of the next attempt')) next_attempt_at: string | null;
  @ApiProperty(nullable('integer', 'HTTP status of the last attempt')) response_status: number | null;
  @ApiProperty(nullable('integer', 'Time until the response headers of the last attempt, in milliseconds')) response_latency_ms:
    | number
    | null;
  @ApiProperty(nullable('string', 'Reason why the last attempt failed')) last_error: string | null;
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
  @ApiProperty({ type: 'string', nullable: true, description: 'Cursor of the next page; null on the last page' }) next_cursor:
    | string
    | null;
}

export class DeadLetterQuery {
  @Limit(1000, 100)
  limit: number = 100;

  @Cursor()
  cursor?: string;
}

class Selection {
  @ApiPropertyOptional({ description: 'Only messages of this endpoint' })
  @EmptyIsAbsent()
  @MaxLength(64)
  @IsString()
  @IsOptional()
  endpoint_id?: string;
}

export class LogQuery extends Selection {
  @ApiPropertyOptional({ enum: MESSAGE_STATUSES, description: 'Only messages in this status' })
  @EmptyIsAbsent()
  @IsIn(MESSAGE_STATUSES)
  @IsOptional()
  status?: MessageStatus;

  @ApiPropertyOptional({ format: 'date-time', description: 'Only messages that were accepted at this time or later' })
  @EmptyIsAbsent()
  @MaxLength(40)
  @IsString()
  @IsOptional()
  start_time?: string;

  @ApiPropertyOptional({ format: 'date-time', description: 'Only messages that were accepted before this time' })
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
  @ApiPropertyOptional({ enum: WINDOWS, default: '24h', description: 'Length of the window' })
  @EmptyIsAbsent()
  @IsIn(WINDOWS)
  @IsOptional()
  window?: Window;
}

export class MetricsView {
  @ApiProperty({ enum: WINDOWS, description: 'Length of the window' }) window: Window;
  @ApiProperty({ type: 'integer', description: 'Number of messages that were accepted in the window' }) total_messages: number;
  @ApiProperty({ type: 'integer', description: 'Delivered messages' }) succeeded: number;
  @ApiProperty({ type: 'integer', description: 'Number of messages that failed for good' }) failed: number;
  @ApiProperty({ type: 'integer', description: 'Number of attempts after the first attempts' }) retries: number;
  @ApiProperty({
    type: 'number',
    minimum: 0,
    maximum: 1,
    description: 'Share of the finished messages that were delivered; 0 if none is finished',
  })
  success_rate: number;
  @ApiProperty({ type: 'integer', description: 'Mean latency of last attempts with a response, in milliseconds; 0 if there is none' })
  avg_latency_ms: number;
}

export class BucketView {
  @ApiProperty(instant('Beginning of the bucket')) timestamp: string;
  @ApiProperty({ type: 'integer', description: 'Delivered' }) succeeded: number;
  @ApiProperty({ type: 'integer', description: 'Permanently failed' }) failed: number;
  @ApiProperty({ type: 'integer', description: 'Number of messages that wait for a retry' }) retrying: number;
  @ApiProperty({ type: 'integer', description: 'Accepted' }) total: number;
  @ApiProperty({ type: 'integer', description: 'Mean latency of last attempts with a response, in milliseconds; 0 if there is none' })
  avg_latency_ms: number;
}

export class TimeSeriesView {
  @ApiProperty({ enum: WINDOWS, description: 'Length of the window' }) window: Window;
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
  @ApiProperty({ type: 'integer', description: 'Requeued' }) replayed: number;
  @ApiProperty({
    type: 'integer',
    description: 'Number of messages that cannot be replayed, because the payload was deleted or the limit of replays is reached',
  })
  failed: number;
  @ApiProperty({ type: 'integer', description: 'Number of messages that were not replayed, because they are not finished' }) stuck: number;
  @ApiProperty({ type: [String] }) replayed_message_ids: string[];
  @ApiProperty({ type: [String] }) stuck_message_ids: string[];
}

export class BatchResultView {
  @ApiProperty({ description: 'Message' }) message_id: string;
  @ApiProperty({ enum: ['queued', 'stuck', 'failed'], description: 'Result' }) status: 'queued' | 'stuck' | 'failed';
  @ApiPropertyOptional({ description: 'Error code, if the message was not replayed' }) error?: string;
}

export class ReplayedBatchView {
  @ApiProperty({ type: 'integer', description: 'Requeued' }) replayed: number;
  @ApiProperty({ type: 'integer', description: 'Not replayable' }) failed: number;
  @ApiProperty({ type: 'integer', description: 'Number of messages that were not replayed, because they are not finished' }) stuck: number;
  @ApiProperty({ type: [BatchResultView] }) results: BatchResultView[];
}

export class ReplayedView {
  @ApiProperty({ format: 'uuid', description: 'Message' }) message_id: string;
  @ApiProperty({ enum: ['queued'], description: 'Number of messages that will be delivered again' }) status: 'queued';
}

export class DeletedMessageView {
  @ApiProperty({ format: 'uuid', description: 'Message' }) message_id: string;
  @ApiProperty(instant('When the message was deleted')) deleted_at: string;
  @ApiProperty({ description: 'Whether the message was already deleted' }) already_deleted: boolean;
}
