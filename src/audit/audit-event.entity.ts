import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/**
 * Who did what to which thing, and when. Rows of one scope form a chain: each carries the hash of the one before it, and
 * its number is the revision of the write it describes, so a row that was changed, dropped or moved shows (docs/adr/0008).
 */
@Entity({ name: 'audit_events' })
@Index('ix_audit_events_project', ['projectId', 'createdAt'])
export class AuditEvent {
  /** A gateway's id, or a project's for what belongs to no gateway. */
  @PrimaryColumn({ name: 'scope_id', type: 'varchar', length: 64 })
  scopeId: string;

  @PrimaryColumn({ type: 'bigint' })
  seq: number;

  /** Which fields the hash is over (chain.ts); rows older than the column are of the first format. */
  @Column({ type: 'int', default: 1 })
  format: number;

  /** Empty for what belongs to no project. */
  @Column({ name: 'project_id', type: 'varchar', length: 64 })
  projectId: string;

  /** CTS name, e.g. `DeleteSignatureKey` (apig §7.5). */
  @Column({ type: 'varchar', length: 64 })
  action: string;

  /** CTS resource type, e.g. `Signature`. */
  @Column({ name: 'resource_type', type: 'varchar', length: 64 })
  resourceType: string;

  @Column({ name: 'resource_id', type: 'varchar', length: 64 })
  resourceId: string;

  @Column({ name: 'resource_name', type: 'varchar', length: 255, nullable: true })
  resourceName: string | null;

  /** JSON: what else the row proves, such as the bindings that went with a key. Never a secret. */
  @Column({ type: 'text', nullable: true })
  detail: string | null;

  @Column({ name: 'user_id', type: 'varchar', length: 64 })
  userId: string;

  @Column({ name: 'user_name', type: 'varchar', length: 255 })
  userName: string;

  /** The access key that signed the request, if one did. */
  @Column({ name: 'access_key_id', type: 'varchar', length: 64, nullable: true })
  accessKeyId: string | null;

  @Column({ name: 'credential_hash', type: 'varchar', length: 64 })
  credentialHash: string;

  @Column({ name: 'source_address', type: 'varchar', length: 64 })
  sourceAddress: string;

  @Column({ name: 'request_id', type: 'varchar', length: 128 })
  requestId: string;

  @Column({ name: 'created_at', type: 'bigint' })
  createdAt: number;

  /** Hex SHA-256 over this row's other columns (of its format) and the previous row's hash. */
  @Column({ type: 'varchar', length: 64 })
  hash: string;
}
