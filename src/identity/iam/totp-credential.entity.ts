import { Check, Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';
import { User } from './user.entity.js';

/** The secret of a user's one-time passwords. It counts once the row of the user names it; before, it waits for its first code. */
@Entity({ name: 'totp_credentials' })
@Index('ix_totp_credentials_user', ['userId'])
@Check('ck_totp_credentials_secret', "substr(secret, 1, 3) = 'K1.'")
export class TotpCredential {
  @PrimaryColumn({ type: 'varchar', length: 32 })
  id: string;

  @ForeignKey(() => User, { name: 'fk_totp_credentials_user', onDelete: 'CASCADE', onUpdate: 'NO ACTION' })
  @Column({ name: 'user_id', type: 'varchar', length: 64 })
  userId: string;

  /** In base32, encrypted. */
  @Column({ type: 'varchar', length: 255, select: false })
  secret: string;

  /** The step of the last accepted code. Codes of this step and of earlier ones are refused. */
  @Column({ name: 'last_step', type: 'bigint' })
  lastStep: number;

  @Column({ name: 'created_at', type: 'bigint' })
  createdAt: number;
}

/** A code that stands for a one-time password once, when the device is lost. Deleted by its use. */
@Entity({ name: 'totp_recovery_codes' })
export class TotpRecoveryCode {
  @ForeignKey(() => User, { name: 'fk_totp_recovery_codes_user', onDelete: 'CASCADE', onUpdate: 'NO ACTION' })
  @PrimaryColumn({ name: 'user_id', type: 'varchar', length: 64 })
  userId: string;

  @PrimaryColumn({ name: 'code_hash', type: 'varchar', length: 64 })
  codeHash: string;

  /** Without it, write access to the database alone would add a code (platform/vault/row-macs.ts). */
  @Column({ type: 'varchar', length: 80, default: '', select: false })
  mac?: string;
}
