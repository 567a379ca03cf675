import { Check, Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';
import { Instance } from '../instances/instance.entity.js';
import type { SignAlgorithm, SignType } from '#signing/algorithms.js';

/** A signature key (docs/contracts/apig.md §1). */
@Entity({ name: 'signs' })
@Index('uq_signs_instance_name', ['instanceId', 'name'], { unique: true })
@Index('ix_signs_instance', ['instanceId', 'id'])
@Check('ck_signs_sign_secret', "substr(sign_secret, 1, 3) = 'K1.' AND length(sign_secret) > 50")
export class Sign {
  @PrimaryColumn({ type: 'varchar', length: 32 })
  id: string;

  @Column({ name: 'project_id', type: 'varchar', length: 64 })
  projectId: string;

  @ForeignKey(() => Instance, { name: 'fk_signs_instance', onDelete: 'CASCADE', onUpdate: 'NO ACTION' })
  @Column({ name: 'instance_id', type: 'varchar', length: 64 })
  instanceId: string;

  @Column({ type: 'varchar', length: 64 })
  name: string;

  @Column({ name: 'sign_type', type: 'varchar', length: 32 })
  signType: SignType;

  @Column({ name: 'sign_algorithm', type: 'varchar', length: 16, nullable: true })
  signAlgorithm: SignAlgorithm | null;

  @Column({ name: 'sign_key', type: 'varchar', length: 512 })
  signKey: string;

  /** The encrypted secret (platform/vault/sealed.ts), bound to this row and to {@link secretVersion}. */
  @Column({ name: 'sign_secret', type: 'text', select: false })
  signSecret: string;

  /** Number of the secret. Each new secret increases it. */
  @Column({ name: 'secret_version', type: 'int' })
  secretVersion: number;

  @Column({ name: 'created_at', type: 'bigint' })
  createdAt: number;

  @Column({ name: 'updated_at', type: 'bigint' })
  updatedAt: number;
}
