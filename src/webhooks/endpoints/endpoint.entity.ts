import { Check, Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';
import { Project } from '../../identity/projects/project.entity.js';

/**
 * A webhook endpoint of a project (docs/contracts/endpoints.md §1.4). Its change counter is the lock for its signing keys (docs/adr/0015).
 */
@Entity({ name: 'webhook_endpoints' })
@Index('uq_webhook_endpoints_url', ['projectId', 'urlHash'], { unique: true })
@Index('ix_webhook_endpoints_project', ['projectId', 'id'])
@Check('ck_webhook_endpoints_headers', "headers IS NULL OR (substr(headers, 1, 3) = 'K1.' AND length(headers) > 50)")
export class WebhookEndpoint {
  /** `ep_` and 32 hex digits. */
  @PrimaryColumn({ type: 'varchar', length: 35 })
  id: string;

  @ForeignKey(() => Project, { name: 'fk_webhook_endpoints_project', onDelete: 'CASCADE', onUpdate: 'NO ACTION' })
  @Column({ name: 'project_id', type: 'varchar', length: 64 })
  projectId: string;

  /** As the caller wrote it. */
  @Column({ type: 'varchar', length: 2048 })
  url: string;

  /** Hex SHA-256 of the normalised URL, because an index cannot hold 2048 characters. Null once deleted, which frees the URL. */
  @Column({ name: 'url_hash', type: 'varchar', length: 64, nullable: true })
  urlHash: string | null;

  @Column({ type: 'varchar', length: 500 })
  description: string;

  /** Deliveries a second; 0 is no limit. */
  @Column({ name: 'rate_limit_rps', type: 'int' })
  rateLimitRps: number;

  /** Null: as {@link rateLimitRps}. */
  @Column({ type: 'int', nullable: true })
  burst: number | null;

  /** Encrypted JSON object of the headers added to every delivery, which may hold secrets. Null: none. */
  @Column({ type: 'text', nullable: true, select: false })
  headers: string | null;

  /** Version of the headers, part of their encryption context. */
  @Column({ name: 'headers_version', type: 'int' })
  headersVersion: number;

  /** Messages are accepted and stored, but not delivered. */
  @Column({ type: 'boolean' })
  paused: boolean;

  /** When the service paused the endpoint after days of failure; null if a caller paused it, or if it is not paused. */
  @Column({ name: 'disabled_at', type: 'bigint', nullable: true })
  disabledAt: number | null;

  @Column({ name: 'disabled_reason', type: 'varchar', length: 255, nullable: true })
  disabledReason: string | null;

  /** Id of the user or API key that created it. */
  @Column({ name: 'created_by', type: 'varchar', length: 64 })
  createdBy: string;

  @Column({ name: 'created_at', type: 'bigint' })
  createdAt: number;

  @Column({ name: 'updated_at', type: 'bigint' })
  updatedAt: number;

  /** Soft deletion: messages and audit records stay; look-ups no longer return the endpoint. */
  @Column({ name: 'deleted_at', type: 'bigint', nullable: true })
  deletedAt: number | null;
}
