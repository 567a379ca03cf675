import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/**
 * A write that changed the keys, the URL, the headers or the pause state of an endpoint. The revisions are in commit order over all
 * endpoints, and delivering processes acknowledge them. A row contains only references, never a secret.
 */
@Entity({ name: 'delivery_log' })
@Index('uq_delivery_log_endpoint', ['endpointId', 'endpointRevision'], { unique: true })
export class DeliveryLogEntry {
  /** Revision of the scope {@link DELIVERIES} (delivery-log.ts). */
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
