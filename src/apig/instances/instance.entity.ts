import { Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';
import { Project } from '../../identity/projects/project.entity.js';

/** A gateway (docs/contracts/apig.md §3.1). When it is deleted, foreign keys delete everything in it. */
@Entity({ name: 'instances' })
@Index('uq_instances_project_name', ['projectId', 'instanceName'], { unique: true })
export class Instance {
  @PrimaryColumn({ type: 'varchar', length: 64 })
  id: string;

  @ForeignKey(() => Project, { name: 'fk_instances_project', onDelete: 'CASCADE', onUpdate: 'NO ACTION' })
  @Column({ name: 'project_id', type: 'varchar', length: 64 })
  projectId: string;

  @Column({ name: 'instance_name', type: 'varchar', length: 64 })
  instanceName: string;

  /** `BASIC`, `PROFESSIONAL`, `ENTERPRISE`, `PLATINUM` … */
  @Column({ type: 'varchar', length: 32 })
  spec: string;

  /** Status as the contract's number, e.g. 6 for `Running`. */
  @Column({ type: 'int' })
  status: number;

  @Column({ type: 'varchar', length: 255 })
  description: string;

  /** The fields that callers set and read and that have no effect, such as network ids, zones, bandwidth and tags. */
  @Column({ type: 'json' })
  // oxlint-disable-next-line typescript/no-explicit-any -- TypeORM's insert() refuses Record<string, unknown>
  details: Record<string, any>;

  @Column({ name: 'user_id', type: 'varchar', length: 64 })
  userId: string;

  @Column({ name: 'created_at', type: 'bigint' })
  createdAt: number;
}

/** A feature that a caller has set (docs/contracts/apig.md §3.2). Built-in features have no row. */
@Entity({ name: 'instance_features' })
export class InstanceFeature {
  @ForeignKey(() => Instance, { name: 'fk_instance_features_instance', onDelete: 'CASCADE', onUpdate: 'NO ACTION' })
  @PrimaryColumn({ name: 'instance_id', type: 'varchar', length: 64 })
  instanceId: string;

  @PrimaryColumn({ type: 'varchar', length: 64 })
  name: string;

  @Column({ type: 'varchar', length: 32 })
  id: string;

  @Column({ type: 'boolean' })
  enable: boolean;

  /** JSON text, as the caller sent it. */
  @Column({ type: 'text' })
  config: string;

  @Column({ name: 'updated_at', type: 'bigint' })
  updatedAt: number;
}
