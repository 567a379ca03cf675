import { Injectable, Optional } from '@nestjs/common';
import { AuditService } from '../../platform/audit/audit.service.js';
import { ChangesService, type Write } from '../../platform/changes/changes.service.js';
import { HOUR_MS, toMilliseconds } from '../../platform/common/clock.js';
import type { EventKind } from '../../platform/common/events.js';
import type { Caller } from '../../platform/common/principal.js';
import { Config } from '../../platform/config/config.js';
import { Database, type Reads } from '../../platform/database/database.js';
import { columnsOf, type RowOf } from '../../platform/database/columns.js';
import { ClockActs } from '../../identity/projects/clock-acts.js';
import { inProject } from '../../identity/projects/projects.service.js';
import { PendingMessages } from './pending-messages.js';
import { endsSignatures } from '../delivery-log/delivery-log.js';
import { ENDPOINT_ID, EndpointNotFound, type EndpointScope, inEndpoint } from '../delivery-log/endpoint-scope.js';
import type { EndpointStatePatch, EndpointStateView } from './endpoints.dto.js';
import { TooManyEventEndpoints } from './endpoints.errors.js';
import { WebhookEndpoint } from './endpoint.entity.js';
import { EndpointEvent } from './endpoint-event.entity.js';

/** Maximum number of subscribed endpoints per project, because each event creates one message per subscribed endpoint. */
const EVENT_ENDPOINTS_MAX = 10;

const SUBSCRIPTION = columnsOf(EndpointEvent).all();
const ENDPOINT = columnsOf(WebhookEndpoint, 'e').pick('paused', 'disabledAt', 'disabledReason');

interface StateRow extends RowOf<typeof ENDPOINT> {
  failingSince: number | null;
  warnedAt: number | null;
}

const STATE = `SELECT ${ENDPOINT.select}, q.failing_since AS failingSince,
    q.failing_warned_at AS warnedAt
  FROM webhook_endpoints e LEFT JOIN delivery_queues q ON q.endpoint_id = e.id
  WHERE e.project_id = ? AND e.id = ? AND e.deleted_at IS NULL`;

/** Delivery state and event subscriptions of an endpoint; not part of the contract. */
@Injectable()
export class EndpointStatesService {
  constructor(
    private readonly database: Database,
    private readonly changes: ChangesService,
    private readonly audit: AuditService,
    private readonly config: Config,
    private readonly acts: ClockActs,
    @Optional() private readonly pendingMessages?: PendingMessages,
  ) {}

  /** @throws EndpointNotFound */
  async show(scope: EndpointScope): Promise<EndpointStateView> {
    return this.database.snapshot((reads) => this.read(reads, scope));
  }

  /**
   * Replaces the endpoint's event subscriptions. Holds the lock of the project, so that the limit of subscribed endpoints is exact.
   * @throws EndpointNotFound, TooManyEventEndpoints
   */
  async setEvents(scope: EndpointScope, { events }: EndpointStatePatch, caller: Caller): Promise<EndpointStateView> {
    const { projectId, endpointId } = scope;
    return this.changes.write(inProject(scope), async (write) => {
      const before = await this.read(write, scope);
      const asked = [...events].sort();
      if (asked.join() === before.events.join()) return before;
      await write.run('DELETE FROM endpoint_events WHERE endpoint_id = ?', [endpointId]);
      const [others] = await write.rows<{ count: number }>(
        `SELECT COUNT(DISTINCT s.endpoint_id) AS count FROM endpoint_events s JOIN webhook_endpoints e ON e.id = s.endpoint_id
         WHERE s.project_id = ? AND e.deleted_at IS NULL`,
        [projectId],
      );
      if (asked.length > 0 && Number(others?.count) >= EVENT_ENDPOINTS_MAX) throw new TooManyEventEndpoints();
      for (const kind of asked) await write.run(SUBSCRIPTION.insert(), SUBSCRIPTION.values({ projectId, kind, endpointId }));
      const entry = { action: 'UpdateEndpointEvents' as const, resourceType: 'WebhookEndpoint', resourceId: endpointId };
      await this.audit.record(write, caller, { ...entry, detail: { events: asked } });
      write.change('endpoint', endpointId, 'updated');
      return { ...before, events: asked };
    });
  }

  /**
   * Warns the owner, once per failure period, that the endpoint will be disabled. Called by a periodic task.
   * @param failingSince Unix time in milliseconds
   * @throws EndpointNotFound
   */
  async warn(scope: EndpointScope, failingSince: number): Promise<void> {
    const disablesAt = toMilliseconds(failingSince + this.config.webhooks.disableAfterHours * HOUR_MS);
    await this.changes.write(inEndpoint(scope), async (write) => {
      const state = await this.stillFailing(write, scope, failingSince);
      if (!state || state.warnedAt !== null) return;
      await write.run('UPDATE delivery_queues SET failing_warned_at = ? WHERE endpoint_id = ?', [write.now, scope.endpointId]);
      const facts = { failing_since: toMilliseconds(failingSince), disables_at: disablesAt };
      await this.acts.record(write, 'WarnFailingWebhookEndpoint', entryOf(scope, facts), { endpoint_id: scope.endpointId, ...facts });
      write.change('endpoint', scope.endpointId, 'updated');
    });
  }

  /**
   * Disables an endpoint whose deliveries have failed for days. Does nothing if the endpoint is already paused. Called by a periodic task
   * and by deliveries.
   * @param failingSince Unix time in milliseconds
   * @throws EndpointNotFound
   */
  async disable(scope: EndpointScope, failingSince: number): Promise<void> {
    const since = toMilliseconds(failingSince);
    const reason = `no delivery has succeeded since ${since}`;
    await this.changes.write(inEndpoint(scope), async (write) => {
      if (!(await this.stillFailing(write, scope, failingSince))) return;
      const sql = 'UPDATE webhook_endpoints SET paused = 1, disabled_at = ?, disabled_reason = ?, updated_at = ? WHERE id = ?';
      await write.run(sql, [write.now, reason, write.now, scope.endpointId]);
      await this.pendingMessages?.pause(write, scope.endpointId);
      const data = { endpoint_id: scope.endpointId, failing_since: since, reason };
      await this.acts.record(write, 'DisableWebhookEndpoint', entryOf(scope, { reason }), data);
      write.change('endpoint', scope.endpointId, 'updated');
      await endsSignatures(write);
    });
  }

  /**
   * Returns the endpoint's state if the failure period has not ended and the endpoint is not paused; otherwise undefined. @throws
   * EndpointNotFound
   */
  private async stillFailing(write: Write, { projectId, endpointId }: EndpointScope, failingSince: number): Promise<StateRow | undefined> {
    const [row] = await write.rows<StateRow>(STATE, [projectId, endpointId]);
    if (!row) throw new EndpointNotFound();
    return row.paused || row.failingSince !== failingSince ? undefined : row;
  }

  private async read(reads: Reads, { projectId, endpointId }: EndpointScope): Promise<EndpointStateView> {
    if (!ENDPOINT_ID.test(endpointId)) throw new EndpointNotFound();
    const [row] = await reads.rows<StateRow>(STATE, [projectId, endpointId]);
    if (!row) throw new EndpointNotFound();
    const asked = await reads.rows<{ kind: EventKind }>('SELECT kind FROM endpoint_events WHERE endpoint_id = ? ORDER BY kind', [
      endpointId,
    ]);
    const { disableAfterHours } = this.config.webhooks;
    const disablesAt =
      row.failingSince === null || row.paused || disableAfterHours === 0 ? null : row.failingSince + disableAfterHours * HOUR_MS;
    return {
      id: endpointId,
      paused: Boolean(row.paused),
      failing_since: instant(row.failingSince),
      warned_at: instant(row.warnedAt),
      disables_at: instant(disablesAt),
      disabled_at: instant(row.disabledAt),
      disabled_reason: row.disabledReason,
      events: asked.map(({ kind }) => kind),
    };
  }
}

const instant = (epochMs: number | null) => (epochMs === null ? null : toMilliseconds(epochMs));

const entryOf = ({ endpointId }: EndpointScope, detail: Record<string, unknown>) => ({
  resourceType: 'WebhookEndpoint',
  resourceId: endpointId,
  detail,
});
