import { Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';
import { Instance } from '../instances/instance.entity.js';
import { ApiGroup } from './group.entity.js';

/** The definition of an API as last edited (docs/contracts/apig.md §3.5). Gateways use a frozen {@link ApiVersion} of it. */
@Entity({ name: 'apis' })
@Index('uq_apis_group_name', ['groupId', 'name'], { unique: true })
@Index('ix_apis_instance', ['instanceId', 'id'])
export class Api {
  @PrimaryColumn({ type: 'varchar', length: 32 })
  id: string;

  @Column({ name: 'project_id', type: 'varchar', length: 64 })
  projectId: string;

  @ForeignKey(() => Instance, { name: 'fk_apis_instance', onDelete: 'CASCADE', onUpdate: 'NO ACTION' })
  @Column({ name: 'instance_id', type: 'varchar', length: 64 })
  instanceId: string;

  @ForeignKey(() => ApiGroup, { name: 'fk_apis_group', onDelete: 'CASCADE', onUpdate: 'NO ACTION' })
  @Column({ name: 'group_id', type: 'varchar', length: 32 })
  groupId: string;

  @Column({ type: 'varchar', length: 255 })
  name: string;

  /** 1: public, 2: private. */
  @Column({ type: 'int' })
  type: number;

  @Column({ name: 'req_protocol', type: 'varchar', length: 16 })
  reqProtocol: string;

  @Column({ name: 'req_method', type: 'varchar', length: 16 })
  reqMethod: string;

  @Column({ name: 'req_uri', type: 'varchar', length: 512 })
  reqUri: string;

  @Column({ name: 'auth_type', type: 'varchar', length: 16 })
  authType: string;

  @Column({ type: 'varchar', length: 255 })
  remark: string;

  /** All other fields of the definition as the contract's JSON: backend, parameters, policies, tags. */
  @Column({ type: 'json' })
  // oxlint-disable-next-line typescript/no-explicit-any -- TypeORM's insert() refuses Record<string, unknown>
  definition: Record<string, any>;

  @Column({ name: 'created_at', type: 'bigint' })
  createdAt: number;

  @Column({ name: 'updated_at', type: 'bigint' })
  updatedAt: number;
}
