import { Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';
import { Instance } from '../instances/instance.entity.js';

/** An API group (docs/contracts/apig.md §3.3). */
@Entity({ name: 'api_groups' })
@Index('uq_api_groups_instance_name', ['instanceId', 'name'], { unique: true })
export class ApiGroup {
  @PrimaryColumn({ type: 'varchar', length: 32 })
  id: string;

  @Column({ name: 'project_id', type: 'varchar', length: 64 })
  projectId: string;

  @ForeignKey(() => Instance, { name: 'fk_api_groups_instance', onDelete: 'CASCADE', onUpdate: 'NO ACTION' })
  @Column({ name: 'instance_id', type: 'varchar', length: 64 })
  instanceId: string;

  @Column({ type: 'varchar', length: 255 })
  name: string;

  @Column({ type: 'varchar', length: 1000 })
  remark: string;

  @Column({ name: 'sl_domain_access_enabled', type: 'boolean' })
  slDomainAccessEnabled: boolean;

  @Column({ name: 'created_at', type: 'bigint' })
  createdAt: number;

  @Column({ name: 'updated_at', type: 'bigint' })
  updatedAt: number;
}
