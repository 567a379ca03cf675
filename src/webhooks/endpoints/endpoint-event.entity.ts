import { Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';
import type { EventKind } from '../../platform/common/events.js';
import { WebhookEndpoint } from './endpoint.entity.js';

/** The subscription of an endpoint to one kind of operational events (docs/webhooks.md "Events"). */
@Entity({ name: 'endpoint_events' })
@Index('ix_endpoint_events_kind', ['projectId', 'kind'])
export class EndpointEvent {
  @ForeignKey(() => WebhookEndpoint, { name: 'fk_endpoint_events_endpoint', onDelete: 'CASCADE', onUpdate: 'NO ACTION' })
  @PrimaryColumn({ name: 'endpoint_id', type: 'varchar', length: 35 })
  endpointId: string;

  @PrimaryColumn({ type: 'varchar', length: 32 })
  kind: EventKind;

  @Column({ name: 'project_id', type: 'varchar', length: 64 })
  projectId: string;
}
