import { Injectable } from '@nestjs/common';
import { AuditService } from '../../platform/audit/audit.service.js';
import { ChangesService } from '../../platform/changes/changes.service.js';
import { ApiFault, invalid } from '../../platform/common/api-error.js';
import { Clock, toMilliseconds } from '../../platform/common/clock.js';
import { newId } from '../../platform/common/ids.js';
import type { Caller } from '../../platform/common/principal.js';
import type { ProjectScope } from '../../platform/common/scope.js';
import { Database } from '../../platform/database/database.js';
import { assertAlive, ENDPOINT_ID, EndpointNotFound, type EndpointScope, inEndpoint } from '../delivery-log/endpoint-scope.js';
import { SigningKeyNotFound } from '../signing-keys/signing-keys.errors.js';
import { DeliveryService } from '../delivery/delivery.service.js';
import {
  type EndpointMetricsView,
  type EndpointReplayInput,
  type EndpointReplayView,
  type KeyTestView,
  REPLAY_MAX,
} from './endpoint-operations.dto.js';
import { MessageActionsService } from './message-actions.service.js';
import { instantOf, MessageLogsService, WINDOW_MS } from './message-logs.service.js';
import { toUuid } from '../delivery/message-row.js';
import type { Window } from './messages.dto.js';

/** Tests a signing key, replays the messages of a time range, and reports metrics of one endpoint. Not part of the contract. */
@Injectable()
export class EndpointOperationsService {
  /** Endpoints with a test in progress. */
  readonly #tested = new Set<string>();

  constructor(
    private readonly database: Database,
    private readonly changes: ChangesService,
    private readonly audit: AuditService,
    private readonly clock: Clock,
    private readonly delivery: DeliveryService,
    private readonly actions: MessageActionsService,
    private readonly logs: MessageLogsService,
  ) {}

  /**
   * Sends one test message that is signed with this key only. The message is audited before it is sent. It is not stored, retried or
   * counted.
   * @throws EndpointNotFound, SigningKeyNotFound; ApiFault `conflict` while another test of the endpoint is in progress
   */
  async test(scope: EndpointScope, keyId: string, caller: Caller): Promise<KeyTestView> {
    const lock = inEndpoint(scope);
    if (this.#tested.has(scope.endpointId)) throw new ApiFault('conflict', { detail: 'another test of this endpoint is in progress' });
    this.#tested.add(scope.endpointId);
    try {
      await this.changes.write(lock, async (write) => {
        await assertAlive(write);
        const sql = 'SELECT 1 AS one FROM signing_keys WHERE id = ? AND endpoint_id = ?';
        if ((await write.rows(sql, [keyId, scope.endpointId])).length === 0) throw new SigningKeyNotFound();
        await this.audit.record(write, caller, {
          action: 'TestSigningKey',
          resourceType: 'SigningKey',
          resourceId: keyId,
          detail: { endpoint_id: scope.endpointId },
        });
        write.change('signing_key', keyId, 'updated');
      });
      const messageId = toUuid(newId());
      const body = Buffer.from(
        JSON.stringify({ type: 'signing_key.test', timestamp: toMilliseconds(this.clock.now()), signing_key_id: keyId }),
      );
      const response = await this.delivery.sendTest(scope.endpointId, keyId, { id: messageId, body });
      if (!response) throw new SigningKeyNotFound();
      const { status, latencyMs, error } = response;
      return {
        delivered: status !== undefined && status >= 200 && status < 300,
        response_status: status ?? null,
        response_latency_ms: Math.round(latencyMs),
        error: status === undefined ? (error ?? 'the connection failed') : null,
        message_id: messageId,
      };
    } finally {
      this.#tested.delete(scope.endpointId);
    }
  }

  /**
   * Replays finished messages of a time range, oldest first, or counts them.
   * @throws EndpointNotFound; ApiFault 400 for an invalid time or an empty range
   */
  async replay(scope: EndpointScope, input: EndpointReplayInput): Promise<EndpointReplayView> {
    const [from, to] = [instantOf('from', input.from, 'body'), instantOf('to', input.to, 'body')];
    if (to <= from) throw invalid('to', { rule: 'to must be later than from' });
    await this.assertEndpoint(scope);
    const statuses = input.statuses ?? ['failed_permanent'];
    const where = `m.project_id = ? AND m.endpoint_id = ? AND m.deleted_at IS NULL AND m.created_at >= ? AND m.created_at < ?
      AND m.status IN (${statuses.map(() => '?').join(', ')})`;
    const values = [scope.projectId, scope.endpointId, from, to, ...statuses];
    const [count] = await this.database.rows<{ matching: number }>(`SELECT COUNT(*) AS matching FROM messages m WHERE ${where}`, values);
    const matching = Number(count?.matching ?? 0);
    if (input.preview) return { matching, preview: true, replayed: 0, failed: 0, stuck: 0 };
    const rows = await this.database.rows<{ id: string }>(
      `SELECT m.id FROM messages m WHERE ${where} ORDER BY m.created_at, m.id LIMIT ?`,
      [...values, String(input.limit ?? REPLAY_MAX)],
    );
    const { replayed, failed, stuck } = await this.actions.replayBatch(
      scope,
      rows.map(({ id }) => id),
    );
    return { matching, preview: false, replayed, failed, stuck };
  }

  /** @throws EndpointNotFound */
  async metrics(scope: EndpointScope, { window = '24h' }: { window?: Window }): Promise<EndpointMetricsView> {
    await this.assertEndpoint(scope);
    const metrics = await this.logs.metrics(scope, { window, endpoint_id: scope.endpointId });
    const since = this.clock.now() - WINDOW_MS[window][0];
    const waiting = (aggregate: string) => `(SELECT ${aggregate} FROM messages m WHERE m.endpoint_id = ? AND m.due_at IS NOT NULL)`;
    const over = (aggregate: string, status: string) => `(SELECT ${aggregate} FROM messages m WHERE m.project_id = ? AND m.created_at >= ?
      AND m.endpoint_id = ? AND m.status = '${status}' AND m.deleted_at IS NULL)`;
    const inWindow = [scope.projectId, since, scope.endpointId];
    const [row] = await this.database.rows<Record<'waiting' | 'oldest' | 'delivered' | 'failed', number | null>>(
      `SELECT ${waiting('COUNT(*)')} AS waiting, ${waiting('MIN(m.created_at)')} AS oldest,
         ${over('MAX(m.delivered_at)', 'succeeded')} AS delivered, ${over('MAX(m.failed_at)', 'failed_permanent')} AS failed`,
      [scope.endpointId, scope.endpointId, ...inWindow, ...inWindow],
    );
    const at = (instant: number | null | undefined) => (instant === null || instant === undefined ? null : toMilliseconds(Number(instant)));
    const oldest = row?.oldest ?? null;
    return {
      ...metrics,
      waiting: Number(row?.waiting ?? 0),
      oldest_waiting_seconds: oldest === null ? null : Math.max(0, Math.floor((this.clock.now() - Number(oldest)) / 1000)),
      dead_letters: metrics.failed,
      last_success_at: at(row?.delivered),
      last_failure_at: at(row?.failed),
    };
  }

  /** @throws EndpointNotFound */
  private async assertEndpoint({ projectId, endpointId }: ProjectScope & { endpointId: string }): Promise<void> {
    const sql = 'SELECT 1 AS one FROM webhook_endpoints WHERE id = ? AND project_id = ? AND deleted_at IS NULL';
    if (!ENDPOINT_ID.test(endpointId) || (await this.database.rows(sql, [endpointId, projectId])).length === 0)
      throw new EndpointNotFound();
  }
}
