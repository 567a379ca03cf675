import { Column, Entity, ForeignKey, PrimaryColumn } from 'typeorm';
import { WebhookEndpoint } from '../endpoints/endpoint.entity.js';
import { Message } from './message.entity.js';
import type { RetryType } from './schedule.js';

/** One attempt to deliver a message, and how long each part of it took (endpoints §1.7). */
@Entity({ name: 'message_attempts' })
export class MessageAttempt {
  @ForeignKey(() => Message, { name: 'fk_message_attempts_message', onDelete: 'CASCADE', onUpdate: 'NO ACTION' })
  @PrimaryColumn({ name: 'message_id', type: 'varchar', length: 36 })
  messageId: string;

  /** From 1, over all rounds. */
  @PrimaryColumn({ name: 'attempt_no', type: 'int' })
  attemptNo: number;

  @Column({ type: 'varchar', length: 36 })
  id: string;

  @Column({ name: 'response_status', type: 'int', nullable: true })
  responseStatus: number | null;

  @Column({ name: 'response_latency_ms', type: 'int' })
  responseLatencyMs: number;

  /** All of the attempt here, from reading the keys to the end of the answer. */
  @Column({ name: 'processing_ms', type: 'int' })
  processingMs: number;

  @Column({ name: 'error_text', type: 'varchar', length: 255, nullable: true })
  errorText: string | null;

  @Column({ name: 'response_headers', type: 'text', nullable: true })
  responseHeaders: string | null;

  /** JSON object; values of the customer's own headers are left out. */
  @Column({ name: 'request_headers', type: 'text' })
  requestHeaders: string;

  @Column({ name: 'retry_type', type: 'varchar', length: 8, nullable: true })
  retryType: RetryType | null;

  @Column({ name: 'retry_after_seconds', type: 'int', nullable: true })
  retryAfterSeconds: number | null;

  @Column({ name: 'resolved_ip', type: 'varchar', length: 45, nullable: true })
  resolvedIp: string | null;

  @Column({ name: 'dns_ms', type: 'int', nullable: true })
  dnsMs: number | null;

  @Column({ name: 'tcp_connect_ms', type: 'int', nullable: true })
  tcpConnectMs: number | null;

  @Column({ name: 'tls_handshake_ms', type: 'int', nullable: true })
  tlsHandshakeMs: number | null;

  @Column({ name: 'ttfb_ms', type: 'int', nullable: true })
  ttfbMs: number | null;

  @Column({ name: 'transfer_ms', type: 'int', nullable: true })
  transferMs: number | null;

  @Column({ name: 'conn_reused', type: 'boolean' })
  connReused: boolean;

  @Column({ name: 'response_body_truncated', type: 'boolean' })
  responseBodyTruncated: boolean;

  @Column({ name: 'created_at', type: 'bigint' })
  createdAt: number;
}

/** What an endpoint's rate limit has let through, over all processes. */
@Entity({ name: 'delivery_rates' })
export class DeliveryRate {
  @ForeignKey(() => WebhookEndpoint, { name: 'fk_delivery_rates_endpoint', onDelete: 'CASCADE', onUpdate: 'NO ACTION' })
  @PrimaryColumn({ name: 'endpoint_id', type: 'varchar', length: 35 })
  endpointId: string;

  /** Microseconds since the epoch: when what was let through is paid for (rate-limit.ts). */
  @Column({ name: 'free_at', type: 'bigint' })
  freeAt: number;
}
