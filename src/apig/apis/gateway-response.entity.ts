import { Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';
import { ApiGroup } from './group.entity.js';

/**
 * The responses that a group defines in place of the error responses of the gateway. Signet stores them but does not use them
 * (docs/contracts/apig.md §3.9).
 */
@Entity({ name: 'gateway_responses' })
@Index('uq_gateway_responses_group_name', ['groupId', 'name'], { unique: true })
@Index('ix_gateway_responses_instance', ['instanceId', 'id'])
export class GatewayResponse {
  @PrimaryColumn({ type: 'varchar', length: 32 })
  id: string;

  @Column({ name: 'project_id', type: 'varchar', length: 64 })
  projectId: string;

  @Column({ name: 'instance_id', type: 'varchar', length: 64 })
  instanceId: string;

  @ForeignKey(() => ApiGroup, { name: 'fk_gateway_responses_group', onDelete: 'CASCADE', onUpdate: 'NO ACTION' })
  @Column({ name: 'group_id', type: 'varchar', length: 32 })
  groupId: string;

  @Column({ type: 'varchar', length: 64 })
  name: string;

  /** Whether the row was created together with its group. */
  @Column({ name: 'built_in', type: 'boolean' })
  builtIn: boolean;

  /** The responses that differ from the defaults, by error type, in the contract's JSON. */
  @Column({ type: 'json' })
  // oxlint-disable-next-line typescript/no-explicit-any -- TypeORM's insert() refuses Record<string, unknown>
  responses: Record<string, any>;

  @Column({ name: 'created_at', type: 'bigint' })
  createdAt: number;

  @Column({ name: 'updated_at', type: 'bigint' })
  updatedAt: number;
}
