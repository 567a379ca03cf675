import { Injectable } from '@nestjs/common';
import type { ContractError } from '../../platform/common/api-error.js';
import { Clock, toMilliseconds } from '../../platform/common/clock.js';
import type { Caller } from '../../platform/common/principal.js';
import type { ProjectScope } from '../../platform/common/scope.js';
import { Database, type Tx } from '../../platform/database/database.js';
import { padded, placeholders } from '../../platform/database/tx.js';
import { columnsOf, type RowOf } from '../../platform/database/columns.js';
import { DeliveryService } from '../delivery/delivery.service.js';
import { makeDue } from '../delivery/due-endpoints.js';
import { deletePayloads } from '../delivery/message-store.js';
import { MESSAGE_ID, type MessageRow, SELECT_MESSAGES, statusOf, whereStatus } from '../delivery/message-row.js';
import { Message } from '../delivery/message.entity.js';
import type {
  ActedMessageView,
  AllQuery,
  BatchResultView,
  DeletedMessageView,
  ReplayedAllView,
  ReplayedBatchView,
  ReplayedView,
} from './messages.dto.js';
import { toView } from './messages.dto.js';
import {
  DeliveryInProgress,
  InvalidStatus,
  MessageNotFound,
  PayloadUnavailable,
  ReplayLimitExceeded,
  RetentionExpired,
  RetryInProgress,
  SendEndpointNotFound,
} from './messages.errors.js';

const DELETED = columnsOf(Message).pick('deletedAt');

/** Maximum number of replays per message. It stops clients that replay in a loop. */
const REPLAYS_MAX = 100;

/**
 * Replays, retries, cancels and deletes messages (docs/contracts/endpoints.md §1.7). Each action runs in one transaction that locks the
 * row.
 */
@Injectable()
export class MessageActionsService {
  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
    private readonly delivery: DeliveryService,
  ) {}

  /**
   * Delivers a finished message again, whether it was delivered or failed.
   * @throws MessageNotFound, SendEndpointNotFound for a deleted endpoint, DeliveryInProgress, RetryInProgress, RetentionExpired,
   * PayloadUnavailable, ReplayLimitExceeded
   */
  async replay(scope: ProjectScope, messageId: string): Promise<ReplayedView> {
    await this.database.transaction(async (tx) => {
      const now = this.clock.now();
      const row = await this.lock(tx, scope, messageId, now);
      const refusal = replayError(row);
      if (refusal) throw refusal;
      await this.pruneTo(tx, [row], now);
    });
    this.delivery.wake();
    return { message_id: messageId, status: 'queued' };
  }

  /** Makes the next attempt due now. @throws MessageNotFound, InvalidStatus */
  async retryNow(scope: ProjectScope, messageId: string): Promise<ActedMessageView> {
    const view = await this.actOnRetry(scope, messageId, async (tx, row, now) => {
      await tx.run('UPDATE messages SET claim = 0, due_at = ?, updated_at = ? WHERE id = ?', [now, now, messageId]);
      await makeDue(tx, [row.endpointId], now);
      return { dueAt: now, updatedAt: now };
    });
    this.delivery.wake();
    return view;
  }

  /** Fails a message that waits for a retry. @throws MessageNotFound, InvalidStatus */
  async cancel(scope: ProjectScope, messageId: string): Promise<ActedMessageView> {
    return this.actOnRetry(scope, messageId, async (tx, _row, now) => {
      await tx.run(
        `UPDATE messages SET status = 'failed_permanent', claim = 0, due_at = NULL, failed_at = ?, last_error = 'cancelled', updated_at = ?
         WHERE id = ?`,
        [now, now, messageId],
      );
      return { status: 'failed_permanent', dueAt: null, failedAt: now, lastError: 'cancelled', updatedAt: now };
    });
  }

  /** Replays up to `limit` messages in a status, oldest first. Unfinished messages are skipped. */
  async replayAll({ projectId }: ProjectScope, { status, endpoint_id, limit }: AllQuery): Promise<ReplayedAllView> {
    const now = this.clock.now();
    const where = whereStatus(status, now);
    const rows = await this.database.rows<{ id: string }>(
      `SELECT m.id FROM messages m WHERE m.project_id = ? AND m.deleted_at IS NULL AND ${where.sql}
         ${endpoint_id === undefined ? '' : 'AND m.endpoint_id = ?'} ORDER BY m.created_at, m.id LIMIT ?`,
      [projectId, ...where.values, ...(endpoint_id === undefined ? [] : [endpoint_id]), String(limit)],
    );
    const results = await this.replayMany(
      { projectId },
      rows.map(({ id }) => id),
    );
    const idsOf = (wanted: BatchResultView['status']) =>
      results.filter(({ status: became }) => became === wanted).map(({ message_id }) => message_id);
    return {
      ...countResults(results),
      replayed_message_ids: idsOf('queued'),
      stuck_message_ids: idsOf('stuck'),
    };
  }

  /** Replays those messages that can be replayed. Each of the others gets an error code. */
  async replayBatch(scope: ProjectScope, messageIds: readonly string[]): Promise<ReplayedBatchView> {
    const results = await this.replayMany(scope, [...new Set(messageIds)]);
    return { ...countResults(results), results };
  }

  /**
   * Deletes a message and its payload, ends its delivery, and frees its idempotency key. An attempt in flight is not aborted.
   * @throws MessageNotFound
   */
  async delete(scope: ProjectScope, messageId: string, caller: Caller): Promise<DeletedMessageView> {
    if (!MESSAGE_ID.test(messageId)) throw new MessageNotFound();
    return this.database.transaction(async (tx) => {
      const sql = `SELECT ${DELETED.select} FROM messages WHERE id = ? AND project_id = ? ${forUpdate(tx)}`;
      const [row] = await tx.rows<RowOf<typeof DELETED>>(sql, [messageId, scope.projectId]);
      if (!row) throw new MessageNotFound();
      if (row.deletedAt !== null) return { message_id: messageId, deleted_at: toMilliseconds(row.deletedAt), already_deleted: true };
      const now = this.clock.now();
      await tx.run(
        `UPDATE messages SET deleted_at = ?, deleted_by = ?, headers = NULL, idempotency_key = NULL, canonical_sha256 = NULL,
           expires_at = NULL, claim = 0, due_at = NULL, updated_at = ?,
           failed_at = CASE WHEN status = 'succeeded' THEN failed_at ELSE ? END,
           status = CASE WHEN status = 'succeeded' THEN status ELSE 'failed_permanent' END WHERE id = ?`,
        [now, caller.principal.userId, now, now, messageId],
      );
      await deletePayloads(tx, [messageId]);
      return { message_id: messageId, deleted_at: toMilliseconds(now), already_deleted: false };
    });
  }

  /**
   * Runs an action on a message in `pending_retry`. The action resets the claim, so that the late result of an attempt whose lease has
   * ended does not overwrite it.
   */
  private async actOnRetry(
    scope: ProjectScope,
    messageId: string,
    change: (tx: Tx, row: MessageRow, now: number) => Promise<Partial<MessageRow>>,
  ): Promise<ActedMessageView> {
    return this.database.transaction(async (tx) => {
      const now = this.clock.now();
      const row = await this.lock(tx, scope, messageId, now);
      const status = statusOf(row);
      if (status !== 'pending_retry') throw new InvalidStatus(status);
      return { ...toView({ ...row, ...(await change(tx, row, now)) }), message_id: messageId };
    });
  }

  private async lock(tx: Tx, { projectId }: ProjectScope, messageId: string, now: number): Promise<MessageRow> {
    if (!MESSAGE_ID.test(messageId)) throw new MessageNotFound();
    const [row] = await this.lockAll(tx, projectId, [messageId], now);
    if (!row) throw new MessageNotFound();
    return row;
  }

  /** Locks the rows before it reads them, so that no claim or other action happens between the read and the decision. */
  private async lockAll(tx: Tx, projectId: string, messageIds: readonly string[], now: number): Promise<MessageRow[]> {
    const ids = padded([...messageIds].sort());
    const these = `IN (${placeholders(ids)})`;
    if (tx.engine === 'mariadb')
      await tx.rows(`SELECT id FROM messages WHERE id ${these} AND project_id = ? FOR UPDATE`, [...ids, projectId]);
    return tx.rows<MessageRow>(`${SELECT_MESSAGES} AND m.id ${these} AND m.project_id = ?`, [now, ...ids, projectId]);
  }

  private async replayMany({ projectId }: ProjectScope, messageIds: readonly string[]): Promise<BatchResultView[]> {
    const results: BatchResultView[] = [];
    const perTransaction = 100;
    for (let from = 0; from < messageIds.length; from += perTransaction) {
      const part = messageIds.slice(from, from + perTransaction);
      const known = part.filter((id) => MESSAGE_ID.test(id));
      const became = await this.database.transaction(async (tx) => {
        const now = this.clock.now();
        const rows = known.length > 0 ? await this.lockAll(tx, projectId, known, now) : [];
        await this.pruneTo(
          tx,
          rows.filter((row) => !replayError(row)),
          now,
        );
        return new Map(rows.map((row) => [row.id, resultOf(row, replayError(row))]));
      });
      for (const id of part) results.push(became.get(id) ?? { message_id: id, status: 'failed', error: 'NOT_FOUND' });
    }
    this.delivery.wake();
    return results;
  }

  /** Begins a new retry schedule. If the endpoint is paused, the next claim parks the message. */
  private async pruneTo(tx: Tx, rows: readonly MessageRow[], now: number): Promise<void> {
    if (rows.length === 0) return;
    const ids = padded(rows.map(({ id }) => id));
    await tx.run(
      `UPDATE messages SET status = 'queued', due_at = ?, claim = 0, attempts_before = attempt_count, replay_count = replay_count + 1,
         failed_at = NULL, updated_at = ? WHERE id IN (${placeholders(ids)})`,
      [now, now, ...ids],
    );
    await makeDue(
      tx,
      rows.map(({ endpointId }) => endpointId),
      now,
    );
  }
}

const forUpdate = (tx: Tx) => (tx.engine === 'mariadb' ? 'FOR UPDATE' : '');

/** Returns why a message cannot be replayed; undefined when it can. */
function replayError(row: MessageRow): ContractError | undefined {
  const status = statusOf(row);
  if (row.endpointDeleted) return new SendEndpointNotFound();
  if (status === 'pending_retry') return new RetryInProgress();
  if (status !== 'succeeded' && status !== 'failed_permanent') return new DeliveryInProgress();
  if (row.expiresAt === null) return row.retentionHours === 0 ? new PayloadUnavailable() : new RetentionExpired();
  return row.replayCount >= REPLAYS_MAX ? new ReplayLimitExceeded() : undefined;
}

function resultOf({ id }: MessageRow, refusal: ContractError | undefined): BatchResultView {
  if (!refusal) return { message_id: id, status: 'queued' };
  return { message_id: id, status: refusal.status === 409 ? 'stuck' : 'failed', error: refusal.code };
}

const countResults = (results: readonly BatchResultView[]) => {
  const count = (wanted: BatchResultView['status']) => results.filter(({ status }) => status === wanted).length;
  return { replayed: count('queued'), failed: count('failed'), stuck: count('stuck') };
};
