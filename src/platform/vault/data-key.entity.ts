import { Check, Column, Entity, PrimaryColumn } from 'typeorm';

/** A project's data key, wrapped by a key-encryption key. If all data keys of a project are deleted, its secrets become unreadable. */
@Entity({ name: 'data_keys' })
@Check('ck_data_keys_wrapped', "substr(wrapped, 1, 3) = 'K1.' AND length(wrapped) > 90")
export class DataKey {
  @PrimaryColumn({ name: 'project_id', type: 'varchar', length: 64 })
  projectId: string;

  @PrimaryColumn({ type: 'int' })
  id: number;

  /** Id of the key-encryption key that wraps the data key. */
  @Column({ name: 'root_id', type: 'varchar', length: 255 })
  kekId: string;

  @Column({ type: 'varchar', length: 1024 })
  wrapped: string;

  @Column({ name: 'created_at', type: 'bigint' })
  createdAt: number;

  /** Number of encryptions that all processes have reported, because AES-GCM limits it. */
  @Column({ type: 'bigint', default: 0 })
  seals: number;

  /** When the key was first found to be superseded and unused. It is destroyed some time later (rewrap.service.ts). */
  @Column({ name: 'unused_since', type: 'bigint', nullable: true })
  unusedSince: number | null;
}

/** A known text, encrypted with each key-encryption key. It reveals at the start if a key with the same name has other bytes. */
@Entity({ name: 'kek_checks' })
export class KekCheck {
  @PrimaryColumn({ name: 'root_id', type: 'varchar', length: 255 })
  kekId: string;

  @Column({ type: 'varchar', length: 1024 })
  sealed: string;
}
