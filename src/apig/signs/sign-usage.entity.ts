import { Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';
import { Publication } from '../apis/publication.entity.js';
import { Sign } from './sign.entity.js';

/** How often a key has signed for a publication in one hour, according to the reports of nodes. */
@Entity({ name: 'sign_usage' })
@Index('ix_sign_usage_publication', ['publishId'])
@Index('ix_sign_usage_hour', ['hour'])
export class SignUsage {
  @ForeignKey(() => Sign, { name: 'fk_sign_usage_sign', onDelete: 'CASCADE', onUpdate: 'NO ACTION' })
  @PrimaryColumn({ name: 'sign_id', type: 'varchar', length: 32 })
  signId: string;

  @ForeignKey(() => Publication, { name: 'fk_sign_usage_publication', onDelete: 'CASCADE', onUpdate: 'NO ACTION' })
  @PrimaryColumn({ name: 'publish_id', type: 'varchar', length: 32 })
  publishId: string;

  /** Hours since the Unix epoch, by the clock of the control plane. */
  @PrimaryColumn({ type: 'bigint' })
  hour: number;

  @Column({ type: 'bigint' })
  times: number;

  @Column({ name: 'last_signed_at', type: 'bigint' })
  lastSignedAt: number;
}
