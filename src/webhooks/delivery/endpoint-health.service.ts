import { Injectable } from '@nestjs/common';
import { Clock, HOUR_MS } from '../../platform/common/clock.js';
import { Config } from '../../platform/config/config.js';
import { Database, type Tx } from '../../platform/database/database.js';
import { LeasedTask } from '../../platform/database/leased-task.js';
import { columnsOf, type RowOf } from '../../platform/database/columns.js';
import type { EndpointScope } from '../delivery-log/endpoint-scope.js';
import { EndpointStatesService } from '../endpoints/endpoint-states.service.js';
import { DeliveryQueue } from './delivery-queue.js';
import { DeliveryService } from './delivery.service.js';
import { makeDue } from './due-endpoints.js';
import { ATTEMPTS_MAX } from './schedule.js';
import { EndpointQueue } from './delivery-queue.entity.js';

const BATCH = 100;

const FAILING = columnsOf(EndpointQueue, 'q').pick('projectId', 'endpointId', 'failingSince', { warnedAt: 'failingWarnedAt' }, 'probedAt');

interface Failing extends RowOf<typeof FAILING> {
  failingSince: number;
}

/**
 * Warns about failing endpoints and disables them (docs/adr/0018). After half of the failure period, the owner is warned. At the end of the
 * period, one waiting message is retried at once as a probe. If the probe fails, or has no result when its lease ends, the endpoint is
 * disabled. If no message waits, the next message is the probe.
 *
 * Guarantees: The owner of a failing endpoint is warned once, and the endpoint is disabled once.
 * Condition: The write checks again, under the lock of the endpoint, that the endpoint still fails and that no warning was sent.
 * Degrades: While no process runs, the warning and the disabling are late; deliveries to the endpoint are retried as before.
 */
@Injectable()
export class EndpointHealth extends LeasedTask<Failing> {
  constructor(
    database: Database,
    private readonly config: Config,
    clock: Clock,
    private readonly queue: DeliveryQueue,
    private readonly delivery: DeliveryService,
    private readonly endpoints: EndpointStatesService,
  ) {
    super(
      database,
      clock,
      { acts: ['WarnFailingWebhookEndpoint', 'DisableWebhookEndpoint'] },
      { lease: 'failing-endpoints', leaseMs: 20_000, everyMs: 5000, fault: 'a failing endpoint could not be warned about or disabled' },
    );
  }

  protected override get enabled(): boolean {
    return this.config.webhooks.disableAfterHours > 0;
  }

  private get afterMs(): number {
    return this.config.webhooks.disableAfterHours * HOUR_MS;
  }

  protected due(now: number): Promise<Failing[]> {
    return this.database.rows<Failing>(
      `SELECT ${FAILING.select}
       FROM delivery_queues q JOIN webhook_endpoints e ON e.id = q.endpoint_id
       WHERE q.failing_since <= ? AND e.paused = 0 AND e.deleted_at IS NULL AND (q.failing_warned_at IS NULL OR (q.failing_since <= ?
         AND EXISTS (SELECT 1 FROM messages m WHERE m.endpoint_id = q.endpoint_id AND m.due_at IS NOT NULL))) LIMIT ${BATCH}`,
      [now - this.afterMs / 2, now - this.afterMs],
    );
  }

  protected async runStep({ failingSince, warnedAt, probedAt, ...scope }: Failing, now: number): Promise<void> {
    if (warnedAt === null) await this.endpoints.warn(scope, failingSince);
    if (now < failingSince + this.afterMs) return;
    if (probedAt === null) {
      await this.database.transaction((tx) => this.probe(tx, scope, now));
      this.delivery.wake();
    } else if (now - probedAt >= this.queue.leaseMs) await this.endpoints.disable(scope, failingSince);
  }

  /** Makes one message of the endpoint due. Skips messages on their last attempt, which is kept until the endpoint is resumed. */
  private async probe(tx: Tx, { endpointId }: EndpointScope, now: number): Promise<void> {
    const [waiting] = await tx.rows<{ id: string }>(
      `SELECT id FROM messages WHERE endpoint_id = ? AND due_at > ? AND claim = 0 AND attempt_count - attempts_before < ${ATTEMPTS_MAX - 1}
       ORDER BY due_at LIMIT 1 ${tx.engine === 'mariadb' ? 'FOR UPDATE SKIP LOCKED' : ''}`,
      [endpointId, now],
    );
    if (waiting) {
      await tx.run('UPDATE messages SET due_at = ?, updated_at = ? WHERE id = ?', [now, now, waiting.id]);
      await makeDue(tx, [endpointId], now);
    }
    await tx.run('UPDATE delivery_queues SET probed_at = ? WHERE endpoint_id = ? AND probed_at IS NULL', [now, endpointId]);
  }
}
