import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import type { Scope } from '../common/scope.js';

/**
 * Revision counter, one row per scope (a gateway, an endpoint, a project or a domain). Every write increments the counter in its first
 * statement, so the row serves as the scope's lock, and revisions are in commit order (docs/adr/0003).
 */
@Entity({ name: 'change_counters' })
// An id belongs to one kind for ever, because logs and audit chains are stored by id alone.
@Index('uq_change_counters_scope', ['scopeId'], { unique: true })
export class ChangeCounter {
  @PrimaryColumn({ name: 'scope_kind', type: 'varchar', length: 16 })
  scopeKind: Scope['kind'];

  @PrimaryColumn({ name: 'scope_id', type: 'varchar', length: 64 })
  scopeId: string;

  @Column({ name: 'project_id', type: 'varchar', length: 64 })
  projectId: string;

  @Column({ type: 'bigint' })
  revision: number;
}

export type ChangeOp = 'created' | 'updated' | 'deleted';

/** Names the row that changed. Contains neither the row itself nor a secret. */
@Entity({ name: 'changes' })
export class Change {
  @PrimaryColumn({ name: 'scope_id', type: 'varchar', length: 64 })
  scopeId: string;

  @PrimaryColumn({ type: 'bigint' })
  revision: number;

  /** Position within the revision, because one write may change several rows. */
  @PrimaryColumn({ type: 'int' })
  ordinal: number;

  /** What changed: `sign`, `publication`, `instance` … */
  @Column({ type: 'varchar', length: 32 })
  kind: string;

  @Column({ name: 'target_id', type: 'varchar', length: 64 })
  targetId: string;

  @Column({ type: 'varchar', length: 16 })
  op: ChangeOp;

  /** Id of the write, chosen by the writer. It shows whether a write whose COMMIT got no answer was committed. */
  @Column({ name: 'write_id', type: 'varchar', length: 32 })
  writeId: string;

  /** Unix time in milliseconds. */
  @Column({ name: 'created_at', type: 'bigint' })
  createdAt: number;
}
