import { Check, Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';
import { User } from './user.entity.js';

/** An access key (AK/SK) of a user, with which requests are signed until it is disabled or deleted. */
@Entity({ name: 'access_keys' })
@Index('ix_access_keys_user', ['userId'])
@Check('ck_access_keys_secret_key', "substr(secret_key, 1, 3) = 'K1.' AND length(secret_key) > 50")
export class StoredAccessKey {
  /** The AK: 20 upper-case letters and digits. */
  @PrimaryColumn({ name: 'access_key', type: 'varchar', length: 32 })
  accessKey: string;

  @ForeignKey(() => User, { name: 'fk_access_keys_user', onDelete: 'CASCADE', onUpdate: 'NO ACTION' })
  @Column({ name: 'user_id', type: 'varchar', length: 64 })
  userId: string;

  /** The encrypted SK. */
  @Column({ name: 'secret_key', type: 'varchar', length: 255, select: false })
  secretKey: string;

  @Column({ type: 'varchar', length: 255 })
  description: string;

  @Column({ type: 'boolean' })
  enabled: boolean;

  @Column({ name: 'created_at', type: 'bigint' })
  createdAt: number;

  /** MAC of the columns on which authentication relies (platform/vault/row-macs.ts). */
  @Column({ type: 'varchar', length: 80, default: '', select: false })
  mac?: string;
}
