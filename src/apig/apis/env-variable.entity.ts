import { Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';
import { Environment } from './environment.entity.js';
import { ApiGroup } from './group.entity.js';

/** A variable of an API group in one environment (docs/contracts/apig.md §3.7). */
@Entity({ name: 'env_variables' })
@Index('uq_env_variables_group_env_name', ['groupId', 'envId', 'name'], { unique: true })
@Index('ix_env_variables_env', ['instanceId', 'envId'])
@ForeignKey(() => Environment, ['instanceId', 'envId'], ['instanceId', 'id'], {
  name: 'fk_env_variables_environment',
  onDelete: 'CASCADE',
  onUpdate: 'NO ACTION',
})
export class EnvVariable {
  @PrimaryColumn({ type: 'varchar', length: 32 })
  id: string;

  @Column({ name: 'project_id', type: 'varchar', length: 64 })
  projectId: string;

  @Column({ name: 'instance_id', type: 'varchar', length: 64 })
  instanceId: string;

  @ForeignKey(() => ApiGroup, { name: 'fk_env_variables_group', onDelete: 'CASCADE', onUpdate: 'NO ACTION' })
  @Column({ name: 'group_id', type: 'varchar', length: 32 })
  groupId: string;

  @Column({ name: 'env_id', type: 'varchar', length: 32 })
  envId: string;

  @Column({ type: 'varchar', length: 32 })
  name: string;

  @Column({ type: 'varchar', length: 255 })
  value: string;
}
