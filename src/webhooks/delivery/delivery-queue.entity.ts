import { Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';
import { WebhookEndpoint } from '../endpoints/endpoint.entity.js';

/** The queue row of an endpoint, created with the endpoint (docs/adr/0017). */
@Entity({ name: 'delivery_queues' })
@Index('ix_delivery_queues_due', ['dueAt', 'projectId'])
@Index('ix_delivery_queues_failing', ['failingSince'])
export class EndpointQueue {
  @ForeignKey(() => WebhookEndpoint, { name: 'fk_delivery_queues_endpoint', onDelete: 'CASCADE', onUpdate: 'NO ACTION' })
  @PrimaryColumn({ name: 'endpoint_id', type: 'varchar', length: 35 })
  endpointId: string;

  @Column({ name: 'project_id', type: 'varchar', length: 64 })
  projectId: string;

  /** No later than the endpoint's first due message, or {@link limitedUntil} if that is later; null when no message is due. */
  @Column({ name: 'due_at', type: 'bigint', nullable: true })
  dueAt: number | null;

  /** The rate limit allows no delivery before this time. */
  @Column({ name: 'limited_until', type: 'bigint' })
  limitedUntil: number;

  /** First failed attempt since the last success. */
  @Column({ name: 'failing_since', type: 'bigint', nullable: true })
  failingSince: number | null;

  /** When the owner was warned that the endpoint will be disabled; null while deliveries succeed. */
  @Column({ name: 'failing_warned_at', type: 'bigint', nullable: true })
  failingWarnedAt: number | null;

  /** When one message was retried as the last probe before disabling (endpoint-health.service.ts); null while deliveries succeed. */
  @Column({ name: 'probed_at', type: 'bigint', nullable: true })
  probedAt: number | null;

  /** The rate limit's theoretical arrival time, shared by all processes, in microseconds since the epoch (rate-limit.ts). */
  @Column({ name: 'free_at', type: 'bigint' })
  theoreticalArrival: number;
}
