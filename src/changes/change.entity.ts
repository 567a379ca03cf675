import { Column, Entity, PrimaryColumn } from 'typeorm';

/**
 * One row per scope (a gateway, or a project for what belongs to no gateway). Bumping it is the first statement of every
 * write, so the row is the scope's lock and its revisions come in commit order (docs/adr/0003).
 */
@Entity({ name: 'change_counters' })
export class ChangeCounter {
  /** A gateway's id or a project's. */
  @PrimaryColumn({ name: 'scope_id', type: 'varchar', length: 64 })
  scopeId: string;

  @Column({ name: 'project_id', type: 'varchar', length: 64 })
  projectId: string;

  @Column({ type: 'bigint' })
  revision: number;
}

export type ChangeOp = 'created' | 'updated' | 'deleted';

/** What a watcher learns: a pointer to what changed, never the thing itself and never a secret. */
@Entity({ name: 'changes' })
export class Change {
  @PrimaryColumn({ name: 'scope_id', type: 'varchar', length: 64 })
  scopeId: string;

  @PrimaryColumn({ type: 'bigint' })
  revision: number;

  /** Position within the revision: one write may touch several things. */
  @PrimaryColumn({ type: 'int' })
  ordinal: number;

  /** `sign`, `publication`, `instance` … */
  @Column({ type: 'varchar', length: 32 })
  kind: string;

  @Column({ name: 'target_id', type: 'varchar', length: 64 })
  targetId: string;

  @Column({ type: 'varchar', length: 16 })
  op: ChangeOp;

  /** Made by the writer: tells whether a write whose COMMIT got no answer has landed. */
  @Column({ name: 'write_id', type: 'varchar', length: 32 })
  writeId: string;

  /** Milliseconds since the epoch. */
  @Column({ name: 'created_at', type: 'bigint' })
  createdAt: number;
}
