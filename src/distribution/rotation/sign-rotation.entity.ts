import { Check, Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';
import { Sign } from '../../apig/signs/sign.entity.js';

/**
 * `staged`: the other secret will sign. `overlap`: the other secret signed before. `withdrawn`: the promotion of the other secret was
 * undone.
 */
export const ROTATION_STATES = ['staged', 'overlap', 'withdrawn'] as const;
export type RotationState = (typeof ROTATION_STATES)[number];

/** When a staged secret begins to sign: `manual`, on a call; `scheduled`, at `due_at`; `verified`, when every verifier has it. */
export const PROMOTIONS = ['manual', 'scheduled', 'verified'] as const;
export type Promotion = (typeof PROMOTIONS)[number];

/** The second secret of a key. The secret that signs is always in `signs`, so a key always has one. */
@Entity({ name: 'sign_rotations' })
@Index('ix_sign_rotations_due', ['dueAt'])
@Index('ix_sign_rotations_instance', ['instanceId', 'signId'])
@Check('ck_sign_rotations_sign_secret', "substr(sign_secret, 1, 3) = 'K1.' AND length(sign_secret) > 50")
export class SignRotation {
  @ForeignKey(() => Sign, { name: 'fk_sign_rotations_sign', onDelete: 'CASCADE', onUpdate: 'NO ACTION' })
  @PrimaryColumn({ name: 'sign_id', type: 'varchar', length: 32 })
  signId: string;

  @Column({ name: 'project_id', type: 'varchar', length: 64 })
  projectId: string;

  @Column({ name: 'instance_id', type: 'varchar', length: 64 })
  instanceId: string;

  @Column({ type: 'varchar', length: 16 })
  state: RotationState;

  /** The version of the secret in this row. It is unique among the secrets of the key in both tables. */
  @Column({ type: 'int' })
  version: number;

  @Column({ name: 'sign_key', type: 'varchar', length: 512 })
  signKey: string;

  /**
   * Encrypted with the same context as a secret in `signs` with this {@link version}, so that it can move between the tables without being
   * decrypted.
   */
  @Column({ name: 'sign_secret', type: 'text', select: false })
  signSecret: string;

  @Column({ type: 'varchar', length: 16 })
  promotion: Promotion;

  @Column({ name: 'overlap_seconds', type: 'int' })
  overlapSeconds: number;

  /** When the scheduler promotes or retires the secret; null: never. */
  @Column({ name: 'due_at', type: 'bigint', nullable: true })
  dueAt: number | null;

  /** The first revision at which verifiers got both secrets. */
  @Column({ name: 'known_from', type: 'bigint' })
  knownFrom: number;

  /** The revision at which the two secrets were swapped; 0: not yet. */
  @Column({ name: 'promoted_revision', type: 'bigint', default: 0 })
  promotedRevision: number;

  @Column({ name: 'created_at', type: 'bigint' })
  createdAt: number;

  @Column({ name: 'updated_at', type: 'bigint' })
  updatedAt: number;
}
