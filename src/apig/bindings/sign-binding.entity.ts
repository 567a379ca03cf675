import { Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';
import { Publication } from '../apis/publication.entity.js';
import { Sign } from '../signs/sign.entity.js';

/**
 * The binding of a signature key to a publication (docs/contracts/apig.md §2). The unique index allows one key per publication. Foreign
 * keys delete the binding together with its key or its publication, even under concurrency.
 */
@Entity({ name: 'sign_bindings' })
@Index('uq_sign_bindings_publish', ['publishId'], { unique: true })
@Index('ix_sign_bindings_sign', ['signId', 'id'])
export class SignBinding {
  @PrimaryColumn({ type: 'varchar', length: 32 })
  id: string;

  @Column({ name: 'project_id', type: 'varchar', length: 64 })
  projectId: string;

  @Column({ name: 'instance_id', type: 'varchar', length: 64 })
  instanceId: string;

  @ForeignKey(() => Sign, { name: 'fk_sign_bindings_sign', onDelete: 'CASCADE', onUpdate: 'NO ACTION' })
  @Column({ name: 'sign_id', type: 'varchar', length: 32 })
  signId: string;

  @ForeignKey(() => Publication, { name: 'fk_sign_bindings_publication', onDelete: 'CASCADE', onUpdate: 'NO ACTION' })
  @Column({ name: 'publish_id', type: 'varchar', length: 32 })
  publishId: string;

  @Column({ name: 'created_at', type: 'bigint' })
  createdAt: number;
}
