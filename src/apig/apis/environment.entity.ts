import { Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';
import { Instance } from '../instances/instance.entity.js';

export { RELEASE } from '../instances/release.js';

/**
 * An environment (docs/contracts/apig.md §3.4). The default environment has the same id in every gateway, so the primary key includes the
 * gateway.
 */
@Entity({ name: 'environments' })
@Index('uq_environments_instance_name', ['instanceId', 'name'], { unique: true })
export class Environment {
  @ForeignKey(() => Instance, { name: 'fk_environments_instance', onDelete: 'CASCADE', onUpdate: 'NO ACTION' })
  @PrimaryColumn({ name: 'instance_id', type: 'varchar', length: 64 })
  instanceId: string;

  @PrimaryColumn({ type: 'varchar', length: 32 })
  id: string;

  @Column({ name: 'project_id', type: 'varchar', length: 64 })
  projectId: string;

  @Column({ type: 'varchar', length: 64 })
  name: string;

  @Column({ type: 'varchar', length: 255 })
  remark: string;

  @Column({ name: 'created_at', type: 'bigint' })
  createdAt: number;
}
