import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/**
 * An audit event: who changed what, and when. The rows of a scope form a hash chain: each row contains the hash of its predecessor, and its
 * number is the revision of its write, so changed, removed and moved rows are detected (docs/adr/0008).
 */
@Entity({ name: 'audit_events' })
@Index('ix_audit_events_project', ['projectId', 'createdAt'])
export class AuditEvent {
  /** Id of a gateway; for other resources, id of the project. */
  @PrimaryColumn({ name: 'scope_id', type: 'varchar', length: 64 })
  scopeId: string;

  @PrimaryColumn({ type: 'bigint' })
  seq: number;

  /** Version of the set of hashed fields (chain.ts); 1 for rows that were written before this column existed. */
  @Column({ type: 'int', default: 1 })
  format: number;

  /** Empty if the resource belongs to no project. */
  @Column({ name: 'project_id', type: 'varchar', length: 64 })
  projectId: string;

  /** CTS name, e.g. `DeleteSignatureKey` (docs/contracts/apig.md §7.5). */
  @Column({ type: 'varchar', length: 64 })
  action: string;

  /** CTS resource type, e.g. `Signature`. */
  @Column({ name: 'resource_type', type: 'varchar', length: 64 })
  resourceType: string;

  @Column({ name: 'resource_id', type: 'varchar', length: 64 })
  resourceId: string;

  @Column({ name: 'resource_name', type: 'varchar', length: 255, nullable: true })
  resourceName: string | null;

  /** JSON with further facts, such as the bindings removed with a key. Never a secret. */
  @Column({ type: 'text', nullable: true })
  detail: string | null;

  @Column({ name: 'user_id', type: 'varchar', length: 64 })
  userId: string;

  @Column({ name: 'user_name', type: 'varchar', length: 255 })
  userName: string;

  /** The access key that signed the request, if any. */
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

  /** SHA-256 of the hashed columns and the previous row's hash, in hex. */
  @Column({ type: 'varchar', length: 64 })
  hash: string;
}
