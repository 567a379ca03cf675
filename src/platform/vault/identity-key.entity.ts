import { Check, Column, Entity, PrimaryColumn } from 'typeorm';

/** A key for the MACs of authorization rows (row-macs.ts). The newest key signs; all keys verify. */
@Entity({ name: 'identity_keys' })
@Check('ck_identity_keys_secret', "substr(secret, 1, 3) = 'K1.' AND length(secret) > 50")
export class IdentityKey {
  @PrimaryColumn({ type: 'varchar', length: 32 })
  id: string;

  /** Base64 of 32 bytes, encrypted. */
  @Column({ type: 'varchar', length: 255, select: false })
  secret: string;

  @Column({ name: 'created_at', type: 'bigint' })
  createdAt: number;
}
