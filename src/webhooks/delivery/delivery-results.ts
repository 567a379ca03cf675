import { Injectable } from '@nestjs/common';
import type { EventSource } from '../../platform/audit/operational-events.js';
import { Clock } from '../../platform/common/clock.js';
import type { OperationalEvent } from '../../platform/common/events.js';
import { Database, type Tx } from '../../platform/database/database.js';
import { padded, placeholders, rowsPerInsert } from '../../platform/database/tx.js';
import { type AttemptRow, columnsFor, toColumns } from './attempt-row.js';
import type { ClaimedMessage } from './delivery-queue.js';
import { makeDue, makeDueLater } from './due-endpoints.js';
import { deletePayloads } from './message-store.js';
import { MessageEvents } from './message-events.js';
import { PARKED, parkedValues } from './message-row.js';
import type { RetryDecision } from './schedule.js';

/** The result of a claimed message. If there was no attempt, the claim is released, and the message stays unchanged or is parked. */
export type DeliveryResult =
  | { message: ClaimedMessage; verdict: RetryDecision; attempt: AttemptRow }
  /** Not attempted: the endpoint was paused or deleted, or this process stops or had no capacity in time. */
  | { message: ClaimedMessage; back: 'paused' | 'deleted' | 'due' };

/** Stores results of deliveries: attempts, the state of messages and endpoints, and operational events. */
@Injectable()
export class DeliveryResults {
  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
    private readonly events: MessageEvents,
  ) {}

  /**
   * Stores results. Skips messages that another process has claimed after the lease of this process ended.
   * @returns the number of stored results
   */
  async record(holder: number, results: readonly DeliveryResult[]): Promise<number> {
    if (results.length === 0) return 0;
    const delivered = results.filter(isDelivered);
    if (delivered.length === results.length) {
      try {
        return await this.database.transaction((tx) => this.recordDelivered(tx, holder, delivered));
      } catch (error) {
        if (!(error instanceof ClaimsLost)) throw error;
      }
    }
    return this.database.transaction((tx) => this.recordHeld(tx, holder, results));
  }

  /** The fast path: all messages were delivered, and this process still holds their claims. @throws ClaimsLost when fewer rows match */
  private async recordDelivered(tx: Tx, holder: number, results: readonly Attempted[]): Promise<number> {
    if ((await markSucceeded(tx, holder, results, this.clock.now())) < results.length) throw new ClaimsLost();
    await insertAttempts(tx, results);
    await clearFailures(tx, results);
    return results.length;
  }

  private async recordHeld(tx: Tx, holder: number, results: readonly DeliveryResult[]): Promise<number> {
    const ids = padded(results.map(({ message }) => message.id));
    const ours = await tx.rows<{ id: string }>(
      `SELECT id FROM messages WHERE id IN (${placeholders(ids)}) AND claim = ? ${tx.engine === 'mariadb' ? 'FOR UPDATE' : ''}`,
      [...ids, holder],
    );
    const mine = new Set(ours.map(({ id }) => id));
    const written = results.filter(({ message }) => mine.has(message.id));
    const now = this.clock.now();
    await insertAttempts(
      tx,
      written.filter((result) => 'attempt' in result),
    );
    await markSucceeded(tx, holder, written.filter(isDelivered), now);
    const due = new Map<string, number>();
    for (const result of written) {
      const { id, endpointId } = result.message;
      if ('attempt' in result) {
        const { verdict, attempt } = result;
        if (verdict.status === 'succeeded') continue;
        const [dueAt, failedAt] = verdict.status === 'pending_retry' ? [now + verdict.delayMs, null] : [null, now];
        if (dueAt !== null) due.set(endpointId, Math.min(dueAt, due.get(endpointId) ?? dueAt));
        await tx.run(
          `UPDATE messages SET status = ?, claim = 0, due_at = ?, failed_at = ?, last_error = ?, attempt_count = attempt_count + 1,
             updated_at = ? WHERE id = ?`,
          [verdict.status, dueAt, failedAt, attempt.errorText, now, id],
        );
      } else {
        const set = result.back === 'due' ? 'claim = 0, due_at = ?' : PARKED[result.back];
        if (result.back === 'due') due.set(endpointId, now);
        await tx.run(`UPDATE messages SET ${set} WHERE id = ?`, [...(result.back === 'due' ? [now] : parkedValues(result.back, now)), id]);
      }
    }
    await makeDue(
      tx,
      [...due].filter(([, dueAt]) => dueAt <= now).map(([id]) => id),
      now,
    );
    for (const [id, dueAt] of due) if (dueAt > now) await makeDueLater(tx, id, dueAt);
    const attempted = written.filter((result) => 'attempt' in result);
    await clearFailures(tx, attempted.filter(isDelivered));
    const failed = new Set(attempted.filter(({ verdict }) => verdict.status !== 'succeeded').map(({ message }) => message.endpointId));
    for (const { message } of attempted.filter(isDelivered)) failed.delete(message.endpointId);
    for (const id of failed)
      await tx.run('UPDATE delivery_queues SET failing_since = ? WHERE endpoint_id = ? AND failing_since IS NULL', [now, id]);
    await this.events.tellEach(
      tx,
      attempted.filter(isDead).map((result) => deadEvent(result, now)),
    );
    return written.length;
  }
}

type Attempted = Extract<DeliveryResult, { attempt: AttemptRow }>;

const isDelivered = (result: DeliveryResult): result is Attempted => 'attempt' in result && result.verdict.status === 'succeeded';

/**
 * Whether a message failed for good and is not itself an event. A failed event creates no `message.dead` event, because that could fail
 * too, without end.
 */
const isDead = ({ message, verdict }: Attempted) => verdict.status === 'failed_permanent' && message.eventKind === null;

const deadEvent = ({ message, attempt }: Attempted, now: number): { source: EventSource; event: OperationalEvent } => ({
  source: { projectId: message.projectId, now },
  event: {
    kind: 'message.dead',
    data: {
      endpoint_id: message.endpointId,
      message_id: message.id,
      attempts: attempt.attemptNo,
      response_status: attempt.responseStatus,
      error: attempt.errorText,
    },
  },
});

/** Another process has claimed at least one of the messages. */
class ClaimsLost extends Error {}

/** Marks messages as delivered. @returns the number of messages whose claim this process still held */
async function markSucceeded(tx: Tx, holder: number, delivered: readonly Attempted[], now: number): Promise<number> {
  let affected = 0;
  for (const gone of [false, true]) {
    const ids = delivered.filter(({ message }) => (message.retentionHours === 0) === gone).map(({ message }) => message.id);
    if (ids.length === 0) continue;
    const all = padded(ids);
    const done = await tx.run(
      `UPDATE messages SET status = 'succeeded', claim = 0, due_at = NULL, last_error = NULL, attempt_count = attempt_count + 1,
         delivered_at = ?, updated_at = ? ${gone ? ', headers = NULL, expires_at = NULL' : ''}
       WHERE id IN (${placeholders(all)}) AND claim = ?`,
      [now, now, ...all, holder],
    );
    affected += done.affected;
    if (gone) await deletePayloads(tx, ids);
  }
  return affected;
}

/** The SET clause that ends the failure period of an endpoint. */
export const FAILURE_CLEARED = 'failing_since = NULL, failing_warned_at = NULL, probed_at = NULL';

/** Ends the failure periods of endpoints that were failing when these messages were claimed. */
async function clearFailures(tx: Tx, delivered: readonly Attempted[]): Promise<void> {
  const ids = padded([...new Set(delivered.flatMap(({ message }) => (message.failingSince === null ? [] : message.endpointId)))].sort());
  if (ids.length > 0) await tx.run(`UPDATE delivery_queues SET ${FAILURE_CLEARED} WHERE endpoint_id IN (${placeholders(ids)})`, ids);
}

async function insertAttempts(tx: Tx, attempted: readonly { attempt: AttemptRow }[]): Promise<void> {
  for (let rest = attempted; rest.length > 0; ) {
    const part = rest.slice(0, rowsPerInsert(rest.length)).map(({ attempt }) => attempt);
    const columns = columnsFor(part);
    await tx.run(
      columns.insert(part.length),
      part.flatMap((attempt) => columns.values(toColumns(attempt))),
    );
    rest = rest.slice(part.length);
  }
}
