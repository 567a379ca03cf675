import { Check, Column, Entity, PrimaryColumn } from 'typeorm';

/** A project's data key, wrapped by a key-encryption key. Deleting a project's data keys makes all its secrets unreadable. */
@Entity({ name: 'data_keys' })
@Check('ck_data_keys_wrapped', "substr(wrapped, 1, 3) = 'K1.' AND length(wrapped) > 90")
export class DataKey {
  @PrimaryColumn({ name: 'project_id', type: 'varchar', length: 64 })
  projectId: string;

  @PrimaryColumn({ type: 'int' })
  id: number;

  /** Id of the key-encryption key that wrapped it. */
  @Column({ name: 'root_id', type: 'varchar', length: 255 })
  kekId: string;

  @Column({ type: 'varchar', length: 1024 })
  wrapped: string;

  @Column({ name: 'created_at', type: 'bigint' })
  createdAt: number;

  /** Encryptions reported by all processes: AES-GCM limits them. */
  @Column({ type: 'bigint', default: 0 })
  seals: number;

  /** When it was first found superseded and unused; destroyed some time later (rewrap.service.ts). */
  @Column({ name: 'unused_since', type: 'bigint', nullable: true })
  unusedSince: number | null;
}

/** A known text encrypted with each key-encryption key: detects at the start that a key of this name has other bytes. */
@Entity({ name: 'kek_checks' })
export class KekCheck {
  @PrimaryColumn({ name: 'root_id', type: 'varchar', length: 255 })
  kekId: string;

  @Column({ type: 'varchar', length: 1024 })
  sealed: string;
}
