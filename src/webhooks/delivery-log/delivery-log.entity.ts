import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/**
 * A write that changed an endpoint's keys, URL, headers or pause state. Revisions are in commit order over all endpoints; delivering processes
 * acknowledge them. Holds references only, never a secret.
 */
@Entity({ name: 'delivery_log' })
@Index('uq_delivery_log_endpoint', ['endpointId', 'endpointRevision'], { unique: true })
export class DeliveryLogEntry {
  /** Revision of the scope DELIVERIES (delivery-log.ts). */
  @PrimaryColumn({ type: 'bigint' })
  revision: number;

  @Column({ name: 'endpoint_id', type: 'varchar', length: 35 })
  endpointId: string;

  /** Revision of the endpoint in the same write. */
  @Column({ name: 'endpoint_revision', type: 'bigint' })
  endpointRevision: number;

  /** Unix time in milliseconds. */
  @Column({ name: 'created_at', type: 'bigint' })
  createdAt: number;
}
