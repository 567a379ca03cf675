import { Column, Entity, ForeignKey, PrimaryColumn } from 'typeorm';
import type { EncodedSlashes, OpenConnections } from '../../lib/protocol/protocol.js';
import { Instance } from '../../apig/instances/instance.entity.js';

/** An operator's settings for a gateway. If a gateway has no row, the defaults apply. */
@Entity({ name: 'gateway_settings' })
export class GatewaySettings {
  @ForeignKey(() => Instance, { name: 'fk_gateway_settings_instance', onDelete: 'CASCADE', onUpdate: 'NO ACTION' })
  @PrimaryColumn({ name: 'instance_id', type: 'varchar', length: 64 })
  instanceId: string;

  @Column({ name: 'project_id', type: 'varchar', length: 64 })
  projectId: string;

  /** Null: a node that has lost the connection to the control plane continues to sign. */
  @Column({ name: 'lease_seconds', type: 'int', nullable: true })
  leaseSeconds: number | null;

  /** Null: secrets are shown in plain text. */
  @Column({ name: 'mask_secrets', type: 'boolean', nullable: true })
  maskSecrets: boolean | null;

  /** Null: a path with `%2F` is refused. */
  @Column({ name: 'encoded_slashes', type: 'varchar', length: 8, nullable: true })
  encodedSlashes: EncodedSlashes | null;

  /** Null: connections that were opened before a deletion stay open. */
  @Column({ name: 'open_connections', type: 'varchar', length: 8, nullable: true })
  openConnections: OpenConnections | null;

  @Column({ name: 'updated_at', type: 'bigint' })
  updatedAt: number;
}
