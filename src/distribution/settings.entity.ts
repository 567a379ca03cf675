import { Column, Entity, ForeignKey, PrimaryColumn } from 'typeorm';
import { Instance } from '../instances/instance.entity.js';

/** What an operator sets for a gateway; no row: the defaults. */
@Entity({ name: 'gateway_settings' })
export class GatewaySettings {
  @ForeignKey(() => Instance, { name: 'fk_gateway_settings_instance', onDelete: 'CASCADE', onUpdate: 'NO ACTION' })
  @PrimaryColumn({ name: 'instance_id', type: 'varchar', length: 64 })
  instanceId: string;

  @Column({ name: 'project_id', type: 'varchar', length: 64 })
  projectId: string;

  /** Null: a node that has lost the control plane goes on signing. */
  @Column({ name: 'lease_seconds', type: 'int', nullable: true })
  leaseSeconds: number | null;

  /** Null: secrets are shown in clear. */
  @Column({ name: 'mask_secrets', type: 'boolean', nullable: true })
  maskSecrets: boolean | null;

  @Column({ name: 'updated_at', type: 'bigint' })
  updatedAt: number;
}
