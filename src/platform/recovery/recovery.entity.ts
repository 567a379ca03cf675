import { Column, Entity, PrimaryColumn } from 'typeorm';

/** The current epoch of the database. The table has one row. */
@Entity({ name: 'database_epoch' })
export class DatabaseEpoch {
  @PrimaryColumn({ type: 'int' })
  id: number;

  /** A random text. */
  @Column({ type: 'varchar', length: 32 })
  epoch: string;

  /** 1: a detected restore waits for a decision. */
  @Column({ type: 'int' })
  held: number;

  /** The epoch that began when a restore was detected; null: no restore was detected. */
  @Column({ name: 'quarantine_since', type: 'varchar', length: 32, nullable: true })
  quarantineSince: string | null;

  /** Null: an unlimited lease was granted. */
  @Column({ name: 'longest_lease_seconds', type: 'int', nullable: true })
  longestLeaseSeconds: number | null;

  @Column({ name: 'elapsed_ms', type: 'bigint' })
  elapsedMs: number;

  @Column({ name: 'vouched_by', type: 'varchar', length: 255, nullable: true })
  vouchedBy: string | null;

  /** Id of this database, which its backups share. Never changes. */
  @Column({ name: 'database_id', type: 'varchar', length: 32, nullable: true })
  databaseId: string | null;

  /** 1: set by `signet admin restore`. The next beat of a control plane records the restore. */
  @Column({ name: 'put_back', type: 'int', nullable: true })
  putBack: number | null;
}

/** Epochs that this database has left. */
@Entity({ name: 'left_epochs' })
export class LeftEpoch {
  @PrimaryColumn({ type: 'varchar', length: 32 })
  epoch: string;

  /** Why the database left the epoch: a restore was detected, or an operator decided about one. */
  @Column({ type: 'varchar', length: 16 })
  how: 'restored' | 'decided';

  /** The operator who decided. */
  @Column({ name: 'decided_by', type: 'varchar', length: 255, nullable: true })
  decidedBy: string | null;

  /** Unix time in milliseconds. */
  @Column({ name: 'left_at', type: 'bigint' })
  leftAt: number;
}

/**
 * The number that each control plane increments, first here and then in its file. Rows are never deleted, because the file may appear
 * again.
 */
@Entity({ name: 'pulses' })
export class PulseRow {
  @PrimaryColumn({ name: 'plane_id', type: 'varchar', length: 32 })
  planeId: string;

  @Column({ type: 'bigint' })
  number: number;

  /** For display only. */
  @Column({ name: 'beaten_at', type: 'bigint' })
  beatenAt: number;
}

/** Columns that identify an ended signature: the version of a key's secret, for all publications or for one. */
abstract class TombstoneColumns {
  /** Id of the gateway. */
  @PrimaryColumn({ name: 'scope_id', type: 'varchar', length: 64 })
  scopeId: string;

  @PrimaryColumn({ name: 'sign_id', type: 'varchar', length: 64 })
  signId: string;

  @PrimaryColumn({ type: 'int' })
  version: number;

  /** Empty: for all publications. */
  @PrimaryColumn({ name: 'publish_id', type: 'varchar', length: 64 })
  publishId: string;

  /** The revision in `epoch` that ended the signature. */
  @PrimaryColumn({ type: 'bigint' })
  revision: number;

  @PrimaryColumn({ type: 'varchar', length: 32 })
  epoch: string;
}

/** Tombstones that nodes have reported since a restore was detected. */
@Entity({ name: 'named_tombstones' })
export class NamedTombstone extends TombstoneColumns {
  /** The first node that reported the tombstone. */
  @Column({ name: 'node_id', type: 'varchar', length: 64 })
  nodeId: string;

  @Column({ name: 'named_at', type: 'bigint' })
  namedAt: number;
}

/** Tombstones that an operator has accepted, so that these signatures may be used again. */
@Entity({ name: 'accepted_tombstones' })
export class AcceptedTombstone extends TombstoneColumns {
  @Column({ name: 'accepted_by', type: 'varchar', length: 255 })
  acceptedBy: string;

  @Column({ name: 'accepted_at', type: 'bigint' })
  acceptedAt: number;
}
