import { Check, Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';
import { Sign } from '../signs/sign.entity.js';

/** `staged`: the other secret will sign. `overlap`: it did before. `withdrawn`: it did for a while, and was taken back. */
export const ROTATION_STATES = ['staged', 'overlap', 'withdrawn'] as const;
export type RotationState = (typeof ROTATION_STATES)[number];

/** When a staged secret begins to sign: at a call, at `due_at`, or when every verifier holds it. */
export const PROMOTIONS = ['manual', 'scheduled', 'verified'] as const;
export type Promotion = (typeof PROMOTIONS)[number];

/** The second secret of a key. The one that signs stands in `signs`, always, so a key is never without. */
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

  /** The version of the secret in this row: counted with those of `signs`, never twice. */
  @Column({ type: 'int' })
  version: number;

  @Column({ name: 'sign_key', type: 'varchar', length: 512 })
  signKey: string;

  /** Sealed to the place of a key's secret with {@link version}, so that it changes rows without being opened. */
  @Column({ name: 'sign_secret', type: 'text', select: false })
  signSecret: string;

  @Column({ type: 'varchar', length: 16 })
  promotion: Promotion;

  @Column({ name: 'overlap_seconds', type: 'int' })
  overlapSeconds: number;

  /** When the scheduler promotes or retires; null: it does not. */
  @Column({ name: 'due_at', type: 'bigint', nullable: true })
  dueAt: number | null;

  /** The first revision at which verifiers were given this secret beside the other. */
  @Column({ name: 'known_from', type: 'bigint' })
  knownFrom: number;

  @Column({ name: 'created_at', type: 'bigint' })
  createdAt: number;

  @Column({ name: 'updated_at', type: 'bigint' })
  updatedAt: number;
}
