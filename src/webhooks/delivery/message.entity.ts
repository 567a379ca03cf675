import { Check, Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';
import { WebhookEndpoint } from '../endpoints/endpoint.entity.js';

/**
 * `delivering` is not a stored status. It is derived from a claim whose lease has not ended, so that no message can stay in this status.
 */
export type StoredStatus = 'queued' | 'succeeded' | 'pending_retry' | 'failed_permanent' | 'paused';

/** Statuses shown to callers (docs/contracts/endpoints.md §1.4, §1.7). */
export const MESSAGE_STATUSES = ['queued', 'delivering', 'succeeded', 'pending_retry', 'failed_permanent', 'paused'] as const;
export type MessageStatus = (typeof MESSAGE_STATUSES)[number];

/** A message to one endpoint (docs/contracts/endpoints.md §1.6, §1.7). */
@Entity({ name: 'messages' })
@Index('uq_messages_idempotency', ['endpointId', 'idempotencyKey'], { unique: true })
@Index('ix_messages_queue', ['endpointId', 'dueAt', 'sizeBytes'])
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

  /** The message's headers as an encrypted JSON object, because they may contain secrets. Null: no headers. */
  @Column({ type: 'text', nullable: true, select: false })
  headers: string | null;

  @Column({ name: 'size_bytes', type: 'int' })
  sizeBytes: number;

  /** SHA-256 of the payload as it was accepted, in hex. */
  @Column({ name: 'payload_sha256', type: 'varchar', length: 64 })
  payloadSha256: string;

  @Column({ name: 'idempotency_key', type: 'varchar', length: 255, nullable: true })
  idempotencyKey: string | null;

  /** Kind of an event of the service; null for a message that a caller sent. A failed event creates no further event. */
  @Column({ name: 'event_kind', type: 'varchar', length: 32, nullable: true })
  eventKind: string | null;

  /** SHA-256 of the payload's canonical form (payload-text.ts), in hex. Only set for messages with an idempotency key. */
  @Column({ name: 'canonical_sha256', type: 'varchar', length: 64, nullable: true })
  canonicalSha256: string | null;

  /** How long the payload is stored. 0: until the message is delivered. */
  @Column({ name: 'retention_hours', type: 'int' })
  retentionHours: number;

  @Column({ name: 'attempt_count', type: 'int' })
  attemptCount: number;

  /** Number of attempts before the last replay, which began a new retry schedule. */
  @Column({ name: 'attempts_before', type: 'int' })
  attemptsBefore: number;

  @Column({ name: 'replay_count', type: 'int' })
  replayCount: number;

  /** Time of the next attempt, or the end of the lease if a process has claimed the message. Null for finished and paused messages. */
  @Column({ name: 'due_at', type: 'bigint', nullable: true })
  dueAt: number | null;

  /**
   * Random id of the process that has claimed the message; 0 if none has. The claim ends at {@link dueAt}. Not nullable, so that InnoDB
   * updates the row in place.
   */
  @Column({ type: 'bigint', default: 0 })
  claim: number;

  /** When the payload will be deleted; null after the deletion. */
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

/** The payload of a message. It has a separate table, because the row of a message is updated often. */
@Entity({ name: 'message_payloads' })
export class MessagePayload {
  @ForeignKey(() => Message, { name: 'fk_message_payloads_message', onDelete: 'CASCADE', onUpdate: 'NO ACTION' })
  @PrimaryColumn({ name: 'message_id', type: 'varchar', length: 36 })
  messageId: string;

  /**
   * The accepted bytes, which are signed and sent unchanged. They are deleted together with the message, or when their retention ends. The
   * migration removes the CHECK of MariaDB's JSON type, which refuses some valid payloads.
   */
  @Column({ type: 'json' })
  payload: string;
}
