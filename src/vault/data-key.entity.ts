import { Check, Column, Entity, PrimaryColumn } from 'typeorm';

/** A project's data key, wrapped by a key-encryption key. Deleting a project's rows here destroys every secret it had. */
@Entity({ name: 'data_keys' })
@Check('ck_data_keys_wrapped', "substr(wrapped, 1, 3) = 'K1.' AND length(wrapped) > 90")
export class DataKey {
  @PrimaryColumn({ name: 'project_id', type: 'varchar', length: 64 })
  projectId: string;

  @PrimaryColumn({ type: 'int' })
  id: number;

  /** Id of the key-encryption key that wrapped it. */
  @Column({ name: 'root_id', type: 'varchar', length: 255 })
  rootId: string;

  @Column({ type: 'varchar', length: 1024 })
  wrapped: string;

  @Column({ name: 'created_at', type: 'bigint' })
  createdAt: number;

  /** How often it has sealed, as far as processes have told: a limit of AES-GCM. */
  @Column({ type: 'bigint', default: 0 })
  seals: number;

  /** When it was first seen that it is superseded and nothing is sealed under it; destroyed some time after (rewrap.service.ts). */
  @Column({ name: 'unused_since', type: 'bigint', nullable: true })
  unusedSince: number | null;
}

/** A known text sealed under each key-encryption key: a service that holds other bytes under that name does not start. */
@Entity({ name: 'kek_checks' })
export class KekCheck {
  @PrimaryColumn({ name: 'root_id', type: 'varchar', length: 255 })
  rootId: string;

  @Column({ type: 'varchar', length: 1024 })
  sealed: string;
}
