import { Column, Entity, ForeignKey, PrimaryColumn } from 'typeorm';
import { Message } from './message.entity.js';
import type { RetryType } from './schedule.js';

/** An attempt to deliver a message, with the duration of each phase in milliseconds (docs/contracts/endpoints.md §1.7). */
@Entity({ name: 'message_attempts' })
export class MessageAttempt {
  @ForeignKey(() => Message, { name: 'fk_message_attempts_message', onDelete: 'CASCADE', onUpdate: 'NO ACTION' })
  @PrimaryColumn({ name: 'message_id', type: 'varchar', length: 36 })
  messageId: string;

  /** Number of the attempt: begins with 1 and continues after replays. */
  @PrimaryColumn({ name: 'attempt_no', type: 'int' })
  attemptNo: number;

  @Column({ type: 'varchar', length: 36 })
  id: string;

  @Column({ name: 'response_status', type: 'int', nullable: true })
  responseStatus: number | null;

  @Column({ name: 'response_latency_ms', type: 'int' })
  responseLatencyMs: number;

  /** Duration of the whole attempt in this process, from reading the keys to the end of the response. */
  @Column({ name: 'processing_ms', type: 'int' })
  processingMs: number;

  @Column({ name: 'error_text', type: 'varchar', length: 255, nullable: true })
  errorText: string | null;

  @Column({ name: 'response_headers', type: 'text', nullable: true })
  responseHeaders: string | null;

  /** Request headers as a JSON object. The values of headers that the customer added are masked. */
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
