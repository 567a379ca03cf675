import { Check, Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';
import { Project } from '../../identity/projects/project.entity.js';

/**
 * A webhook endpoint of a project (docs/contracts/endpoints.md §1.4). Its change counter serves as the lock for its signing keys
 * (docs/adr/0015).
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

  /** The URL as the caller wrote it. */
  @Column({ type: 'varchar', length: 2048 })
  url: string;

  /**
   * SHA-256 of the normalised URL, in hex, because an index cannot contain 2048 characters. Null after the deletion, so that the URL can be
   * used again.
   */
  @Column({ name: 'url_hash', type: 'varchar', length: 64, nullable: true })
  urlHash: string | null;

  @Column({ type: 'varchar', length: 500 })
  description: string;

  /** Maximum number of deliveries per second; 0 means no limit. */
  @Column({ name: 'rate_limit_rps', type: 'int' })
  rateLimitRps: number;

  /** Maximum number of deliveries at once; null means the same as {@link rateLimitRps}. */
  @Column({ type: 'int', nullable: true })
  burst: number | null;

  /** Headers that are added to every delivery, as an encrypted JSON object, because they may contain secrets. Null: no headers. */
  @Column({ type: 'text', nullable: true, select: false })
  headers: string | null;

  /** Version of the headers, which is part of their encryption context. */
  @Column({ name: 'headers_version', type: 'int' })
  headersVersion: number;

  /** True if messages are accepted and stored, but not delivered. */
  @Column({ type: 'boolean' })
  paused: boolean;

  /** When the service disabled the endpoint after days of failure. Null if a caller paused the endpoint, or if it is not paused. */
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

  /**
   * When the endpoint was deleted. The row stays, because messages and audit records refer to it, but look-ups do not return it any more.
   */
  @Column({ name: 'deleted_at', type: 'bigint', nullable: true })
  deletedAt: number | null;
}
