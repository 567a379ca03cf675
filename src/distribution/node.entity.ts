import { Column, Entity, ForeignKey, PrimaryColumn } from 'typeorm';
import { Instance } from '../instances/instance.entity.js';

/** A process that signs for a gateway, as its last report left it. */
@Entity({ name: 'gateway_nodes' })
export class GatewayNode {
  @ForeignKey(() => Instance, { name: 'fk_gateway_nodes_instance', onDelete: 'CASCADE', onUpdate: 'NO ACTION' })
  @PrimaryColumn({ name: 'instance_id', type: 'varchar', length: 64 })
  instanceId: string;

  /** Chosen by the node. */
  @PrimaryColumn({ name: 'node_id', type: 'varchar', length: 64 })
  nodeId: string;

  @Column({ name: 'project_id', type: 'varchar', length: 64 })
  projectId: string;

  @Column({ name: 'applied_revision', type: 'bigint' })
  appliedRevision: number;

  /** When it reported this revision for the first time. */
  @Column({ name: 'applied_at', type: 'bigint' })
  appliedAt: number;

  @Column({ type: 'varchar', length: 64 })
  version: string;

  /** When its process began, by its own clock; 0 if it does not say. */
  @Column({ name: 'started_at', type: 'bigint' })
  startedAt: number;

  @Column({ name: 'last_seen', type: 'bigint' })
  lastSeen: number;

  /** Null: it goes by no lease, as far as is known. */
  @Column({ name: 'lease_until', type: 'bigint', nullable: true })
  leaseUntil: number | null;

  @Column({ name: 'registered_at', type: 'bigint' })
  registeredAt: number;
}

/** When a node first had everything up to a revision. Revisions in between were had no later than the next one here. */
@Entity({ name: 'gateway_acks' })
@ForeignKey(() => GatewayNode, ['instanceId', 'nodeId'], ['instanceId', 'nodeId'], {
  name: 'fk_gateway_acks_node',
  onDelete: 'CASCADE',
  onUpdate: 'NO ACTION',
})
export class GatewayAck {
  @PrimaryColumn({ name: 'instance_id', type: 'varchar', length: 64 })
  instanceId: string;

  @PrimaryColumn({ name: 'node_id', type: 'varchar', length: 64 })
  nodeId: string;

  @PrimaryColumn({ type: 'bigint' })
  revision: number;

  @Column({ name: 'acked_at', type: 'bigint' })
  ackedAt: number;
}
