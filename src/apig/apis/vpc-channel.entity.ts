import { Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';
import { Instance } from '../instances/instance.entity.js';

/** A load balance channel. Signet only stores it, so that APIs can refer to it (docs/contracts/apig.md §3.8). */
@Entity({ name: 'vpc_channels' })
@Index('uq_vpc_channels_instance_name', ['instanceId', 'name'], { unique: true })
export class VpcChannel {
  @PrimaryColumn({ type: 'varchar', length: 32 })
  id: string;

  @Column({ name: 'project_id', type: 'varchar', length: 64 })
  projectId: string;

  @ForeignKey(() => Instance, { name: 'fk_vpc_channels_instance', onDelete: 'CASCADE', onUpdate: 'NO ACTION' })
  @Column({ name: 'instance_id', type: 'varchar', length: 64 })
  instanceId: string;

  @Column({ type: 'varchar', length: 64 })
  name: string;

  /** All fields except the name, the groups and the members, in the contract's JSON. */
  @Column({ type: 'json' })
  // oxlint-disable-next-line typescript/no-explicit-any -- TypeORM's insert() refuses Record<string, unknown>
  definition: Record<string, any>;

  @Column({ name: 'created_at', type: 'bigint' })
  createdAt: number;
}
