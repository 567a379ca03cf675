import { Check, Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';
import { WebhookEndpoint } from '../endpoints/endpoint.entity.js';

/**
 * What a row says. `delivering` is not among them: that is a message whose claim has not run out, so that nothing can be stuck
 * in it.
 */
export type StoredStatus = 'queued' | 'succeeded' | 'pending_retry' | 'failed_permanent' | 'paused';

/** What a caller sees (endpoints §1.7, and `paused` of §1.4). */
export const MESSAGE_STATUSES = ['queued', 'delivering', 'succeeded', 'pending_retry', 'failed_permanent', 'paused'] as const;
export type MessageStatus = (typeof MESSAGE_STATUSES)[number];

/** A message to one endpoint (endpoints §1.6, §1.7). */
@Entity({ name: 'messages' })
@Index('uq_messages_idempotency', ['endpointId', 'idempotencyKey'], { unique: true })
@Index('ix_messages_due', ['dueAt', 'endpointId', 'sizeBytes'])
@Index('ix_messages_created', ['projectId', 'createdAt', 'id'])
@Index('ix_messages_status', ['projectId', 'status', 'createdAt', 'id'])
@Index('ix_messages_expiry', ['expiresAt'])
@Check('ck_messages_headers', "headers IS NULL OR (substr(headers, 1, 3) = 'K1.' AND length(headers) > 50)")
export class Message {
  /** UUIDv7, with its dashes. */
  @PrimaryColumn({ type: 'varchar', length: 36 })
  id: string;

  @Column({ name: 'project_id', type: 'varchar', length: 64 })
  projectId: string;

  @ForeignKey(() => WebhookEndpoint, { name: 'fk_messages_endpoint', onDelete: 'CASCADE', onUpdate: 'NO ACTION' })
  @Column({ name: 'endpoint_id', type: 'varchar', length: 35 })
  endpointId: string;

  @Column({ type: 'varchar', length: 16 })
  status: StoredStatus;

  /** JSON object of the message's own headers, sealed: receivers are told secrets in them. Null: none. */
  @Column({ type: 'text', nullable: true, select: false })
  headers: string | null;

  @Column({ name: 'size_bytes', type: 'int' })
  sizeBytes: number;

  /** Hex SHA-256 of the payload as it was accepted. */
  @Column({ name: 'payload_sha256', type: 'varchar', length: 64 })
  payloadSha256: string;

  @Column({ name: 'idempotency_key', type: 'varchar', length: 255, nullable: true })
  idempotencyKey: string | null;

  /** Hex SHA-256 of the payload's canonical form (RFC 8785), where there is an idempotency key. */
  @Column({ name: 'canonical_sha256', type: 'varchar', length: 64, nullable: true })
  canonicalSha256: string | null;

  /** 0: the payload goes as soon as the message is delivered. */
  @Column({ name: 'retention_hours', type: 'int' })
  retentionHours: number;

  @Column({ name: 'attempt_count', type: 'int' })
  attemptCount: number;

  /** Attempts before the last replay, which began a new round of eight. */
  @Column({ name: 'attempts_before', type: 'int' })
  attemptsBefore: number;

  @Column({ name: 'replay_count', type: 'int' })
  replayCount: number;

  /**
   * When somebody has to look at the message: the next attempt, or the end of the lease of whoever makes one now. Null: never, as it is
   * over or paused.
   */
  @Column({ name: 'due_at', type: 'bigint', nullable: true })
  dueAt: number | null;

  /**
   * Which process makes an attempt: a number that it drew when it started, 0 for none. Means nothing once {@link dueAt} is past. Of a
   * fixed size, so that InnoDB can write it in place.
   */
  @Column({ type: 'bigint', default: 0 })
  claim: number;

  /** When the payload goes; null once it is gone. */
  @Column({ name: 'expires_at', type: 'bigint', nullable: true })
  expiresAt: number | null;

  @Column({ name: 'last_error', type: 'varchar', length: 255, nullable: true })
  lastError: string | null;

  @Column({ name: 'created_at', type: 'bigint' })
  createdAt: number;

  @Column({ name: 'updated_at', type: 'bigint' })
  updatedAt: number;

  @Column({ name: 'delivered_at', type: 'bigint', nullable: true })
  deliveredAt: number | null;

  @Column({ name: 'failed_at', type: 'bigint', nullable: true })
  failedAt: number | null;

  @Column({ name: 'deleted_at', type: 'bigint', nullable: true })
  deletedAt: number | null;

  @Column({ name: 'deleted_by', type: 'varchar', length: 64, nullable: true })
  deletedBy: string | null;
}

/** What is sent, apart from the message's row, which is written again and again. */
@Entity({ name: 'message_payloads' })
export class MessagePayload {
  @ForeignKey(() => Message, { name: 'fk_message_payloads_message', onDelete: 'CASCADE', onUpdate: 'NO ACTION' })
  @PrimaryColumn({ name: 'message_id', type: 'varchar', length: 36 })
  messageId: string;

  /** The bytes that are sent and signed. Gone once its retention is over, or the message was deleted. */
  @Column({ type: 'json' })
  payload: string;
}
