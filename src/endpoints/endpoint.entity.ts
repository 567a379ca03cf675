import { Check, Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';
import { Project } from '../projects/project.entity.js';

/** Where a project's webhooks go (endpoints §1.4). Its own change counter is the lock of what hangs on it (docs/adr/0015). */
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

  /** As it was given. */
  @Column({ type: 'varchar', length: 2048 })
  url: string;

  /** Hex SHA-256 of the URL in its normal form; null once deleted, which frees the URL: no index of a database takes 2048 characters. */
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

  /** JSON object of the headers that go with every delivery, sealed: receivers are often told secrets in them. Null: none. */
  @Column({ type: 'text', nullable: true, select: false })
  headers: string | null;

  /** Counts the sets of headers this endpoint has had. */
  @Column({ name: 'headers_version', type: 'int' })
  headersVersion: number;

  /** Messages are accepted and kept, and not delivered. */
  @Column({ type: 'boolean' })
  paused: boolean;

  /** Who made it: a user's id, or an API key's. */
  @Column({ name: 'created_by', type: 'varchar', length: 64 })
  createdBy: string;

  @Column({ name: 'created_at', type: 'bigint' })
  createdAt: number;

  @Column({ name: 'updated_at', type: 'bigint' })
  updatedAt: number;

  /** Its messages and its trail stay; nobody finds it any more. */
  @Column({ name: 'deleted_at', type: 'bigint', nullable: true })
  deletedAt: number | null;
}
