import { Injectable } from '@nestjs/common';
import { Clock, DAY_MS, MINUTE_MS } from '../../platform/common/clock.js';
import { Config } from '../../platform/config/config.js';
import { Database } from '../../platform/database/database.js';
import { LeasedTask } from '../../platform/database/leased-task.js';
import { padded, placeholders, type Tx } from '../../platform/database/tx.js';
import { STATUS_BEFORE_PARKING } from './pending-messages.service.js';
import { PARKED, parkedValues } from './message-row.js';
import { DeliveryService } from './delivery.service.js';
import { makeDue } from './due-endpoints.js';
import { deletePayloads } from './message-store.js';

/** Maximum number of rows per transaction, so that other writers are not blocked for long. */
const STEP = 500;
/** Maximum number of transactions of one kind per run. The next run does the rest. */
const STEPS_MAX = 200;

type Chore = 'requeueParked' | 'repairQueues' | 'deleteExpired' | 'deleteOld';

interface Steps {
  /** A SELECT of at most {@link STEP} row ids. */
  find: string;
  params?: readonly number[];
  /** SET clause. Without it, the rows are deleted. */
  set?: string;
  values?: (now: number) => number[];
  /** Condition that is checked again under the lock. */
  still: string;
  /** Additional work in the same transaction. */
  also?: (tx: Tx, ids: readonly string[], now: number) => Promise<void>;
}

/**
 * Deletes expired payloads and old messages. Also repairs messages that were parked while their endpoint was being resumed or deleted.
 *
 * Guarantees: Payloads and messages are deleted within minutes after their retention.
 * Condition: One process runs, and the database accepts writes. Each statement repeats its condition under the lock.
 * Degrades: During an outage, data is deleted late, and parked messages of a resumed endpoint wait until the next run.
 */
@Injectable()
export class HousekeepingService extends LeasedTask<Chore> {
  constructor(
    database: Database,
    private readonly config: Config,
    clock: Clock,
    private readonly delivery: DeliveryService,
  ) {
    super(
      database,
      clock,
      { maintains: 'payloads and message logs, which are deleted after their retention' },
      { lease: 'messages', leaseMs: 120_000, everyMs: MINUTE_MS, fault: 'housekeeping of webhook messages failed' },
    );
  }

  protected due(): Chore[] {
    return ['requeueParked', 'repairQueues', 'deleteExpired', 'deleteOld'];
  }

  protected runStep(chore: Chore): Promise<void> {
    return this[chore]();
  }

  /** Makes parked messages of resumed endpoints due again. The contract promises that within minutes (docs/contracts/endpoints.md §1.4). */
  private async requeueParked(): Promise<void> {
    // Joins projects first, because the index on status begins with project_id. A scan of all messages would be too slow.
    const parked = (
      deleted: boolean,
    ) => `SELECT m.id FROM projects p CROSS JOIN messages m ON m.project_id = p.id JOIN webhook_endpoints e ON e.id = m.endpoint_id
      WHERE m.status = 'paused' AND ${deleted ? 'e.deleted_at IS NOT NULL' : 'e.paused = 0 AND e.deleted_at IS NULL'} LIMIT ${STEP}`;
    const still = "status = 'paused'";
    const requeued = await this.steps({
      find: parked(false),
      set: `status = ${STATUS_BEFORE_PARKING}, due_at = ?, updated_at = ?`,
      values: (now) => [now, now],
      still,
      also: async (tx, ids, now) => {
        const all = padded(ids);
        const sql = `SELECT DISTINCT endpoint_id AS id FROM messages WHERE id IN (${placeholders(all)}) AND due_at = ?`;
        const rows = await tx.rows<{ id: string }>(sql, [...all, now]);
        await makeDue(
          tx,
          rows.map(({ id }) => id),
          now,
        );
      },
    });
    if (requeued > 0) this.delivery.wake();
    await this.steps({ find: parked(true), set: PARKED.deleted, values: (now) => parkedValues('deleted', now), still });
  }

  /** Makes endpoints due that have due messages. Only needed on a Galera cluster, whose nodes do not see each other's row locks. */
  private async repairQueues(): Promise<void> {
    if (this.database.engine !== 'mariadb') return;
    const now = this.clock.now();
    const rows = await this.database.rows<{ id: string }>(
      `SELECT q.endpoint_id AS id FROM delivery_queues q WHERE (q.due_at IS NULL OR q.due_at > ?) AND q.limited_until <= ?
         AND EXISTS (SELECT 1 FROM messages m WHERE m.endpoint_id = q.endpoint_id AND m.due_at <= ?) LIMIT ${STEP}`,
      [now, now, now],
    );
    const ids = rows.map(({ id }) => id);
    if (ids.length > 0) await this.database.transaction((tx) => makeDue(tx, ids, now));
  }

  /** Deletes expired payloads of finished messages. */
  private async deleteExpired(): Promise<void> {
    await this.steps({
      find: `SELECT id FROM messages WHERE expires_at <= ? AND due_at IS NULL AND status <> 'paused' ORDER BY expires_at LIMIT ${STEP}`,
      params: [this.clock.now()],
      set: 'headers = NULL, expires_at = NULL',
      still: "due_at IS NULL AND status <> 'paused'",
      also: deletePayloads,
    });
  }

  /** Deletes old messages without a payload, and their attempts. */
  private async deleteOld(): Promise<void> {
    const before = this.clock.now() - this.config.webhooks.logDays * DAY_MS;
    await this.steps({
      find: `SELECT m.id FROM projects p CROSS JOIN messages m ON m.project_id = p.id
       WHERE m.created_at < ? AND m.due_at IS NULL AND m.status <> 'paused' AND m.expires_at IS NULL LIMIT ${STEP}`,
      params: [before],
      still: 'due_at IS NULL AND expires_at IS NULL',
    });
  }

  /** Updates or deletes rows in small transactions. @returns the number of rows */
  private async steps({ find, params = [], set, values = () => [], still, also }: Steps): Promise<number> {
    let total = 0;
    for (let i = 0; i < STEPS_MAX && !this.stopped; i++) {
      const found = await this.database.rows<{ id: string }>(find, params);
      if (found.length === 0) return total;
      const ids = found.map(({ id }) => id);
      const all = padded(ids);
      const where = `WHERE id IN (${placeholders(all)}) AND ${still}`;
      const statement = set === undefined ? `DELETE FROM messages ${where}` : `UPDATE messages SET ${set} ${where}`;
      const affected = await this.database.transaction(async (tx) => {
        const now = this.clock.now();
        const done = await tx.run(statement, [...values(now), ...all]);
        await also?.(tx, ids, now);
        return done.affected;
      });
      total += affected;
      if (affected === 0) return total;
    }
    return total;
  }
}
