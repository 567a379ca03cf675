import { Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';
import { WebhookEndpoint } from '../endpoints/endpoint.entity.js';

/** The queue row of an endpoint. It is created together with the endpoint (docs/adr/0017). */
@Entity({ name: 'delivery_queues' })
@Index('ix_delivery_queues_due', ['dueAt', 'projectId'])
@Index('ix_delivery_queues_failing', ['failingSince'])
export class EndpointQueue {
  @ForeignKey(() => WebhookEndpoint, { name: 'fk_delivery_queues_endpoint', onDelete: 'CASCADE', onUpdate: 'NO ACTION' })
  @PrimaryColumn({ name: 'endpoint_id', type: 'varchar', length: 35 })
  endpointId: string;

  @Column({ name: 'project_id', type: 'varchar', length: 64 })
  projectId: string;

  /** Not later than the due time of the endpoint's first message, or {@link limitedUntil} if that is later. Null when no message is due. */
  @Column({ name: 'due_at', type: 'bigint', nullable: true })
  dueAt: number | null;

  /** The time before which the rate limit allows no delivery. */
  @Column({ name: 'limited_until', type: 'bigint' })
  limitedUntil: number;

  /** Time of the first failed attempt since the last success. */
  @Column({ name: 'failing_since', type: 'bigint', nullable: true })
  failingSince: number | null;

  /** When the owner was warned that the endpoint will be disabled. Null while deliveries succeed. */
  @Column({ name: 'failing_warned_at', type: 'bigint', nullable: true })
  failingWarnedAt: number | null;

  /**
   * When a message was retried as the last probe before the endpoint is disabled (endpoint-health.service.ts). Null while deliveries
   * succeed.
   */
  @Column({ name: 'probed_at', type: 'bigint', nullable: true })
  probedAt: number | null;

  /** The theoretical arrival time of the rate limit, in microseconds since the epoch, shared by all processes (rate-limit.ts). */
  @Column({ name: 'free_at', type: 'bigint' })
  theoreticalArrival: number;
}
