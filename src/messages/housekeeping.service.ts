import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Clock } from '../common/clock.js';
import { newId } from '../common/ids.js';
import { Recurring } from '../common/recurring.js';
import { Config } from '../config/config.js';
import { Database } from '../database/database.js';
import { holdLease } from '../database/lease.js';
import { padded, placeholders, type Tx } from '../database/tx.js';
import { WAITING } from './backlog.service.js';
import { ASIDE, asideValues } from './delivery-queue.js';
import { DeliveryService } from './delivery.service.js';
import { dropPayloads } from './intake.js';

const TICK_MS = 60_000;
const LEASE = 'messages';
const LEASE_MS = 120_000;
const DAY_MS = 86_400_000;
/** Rows of one transaction: other writers get their turn between two. */
const STEP = 500;
/** Steps of one kind in one tick; what is left waits for the next. */
const STEPS_MAX = 200;

interface Steps {
  /** Selects the ids of rows, {@link STEP} at most. */
  find: string;
  params?: readonly number[];
  /** What becomes of them; without it they are deleted. */
  set?: string;
  values?: (now: number) => number[];
  /** What must hold of a row when its turn comes. */
  still: string;
  /** What else the same transaction does about them. */
  also?: (tx: Tx, ids: readonly string[]) => Promise<void>;
}

/**
 * Lets payloads and old messages go when their time is over, and finds messages that were put aside just when their endpoint was resumed or
 * deleted. One process at a time does it; done twice it would be right as well.
 */
@Injectable()
export class HousekeepingService implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #logger = new Logger(HousekeepingService.name);
  readonly #holder = newId();
  readonly #ticks = new Recurring(
    TICK_MS,
    () => this.tick(),
    (error) => this.report(error),
  );

  constructor(
    private readonly database: Database,
    private readonly config: Config,
    private readonly clock: Clock,
    private readonly delivery: DeliveryService,
  ) {}

  onApplicationBootstrap(): void {
    this.#ticks.start();
  }

  async onModuleDestroy(): Promise<void> {
    await this.#ticks.stop();
  }

  /** Does what is due. */
  async tick(): Promise<void> {
    if (!(await holdLease(this.database, LEASE, this.#holder, this.clock.now(), LEASE_MS))) return;
    await this.pickUp();
    await this.dropPayloads();
    await this.forget();
  }

  /** The contract promises a resumed endpoint its messages within minutes (endpoints §1.4). */
  private async pickUp(): Promise<void> {
    // Project by project: the index on the status begins with it, and nothing here may walk through all messages.
    const aside = (
      deleted: boolean,
    ) => `SELECT m.id FROM projects p CROSS JOIN messages m ON m.project_id = p.id JOIN webhook_endpoints e ON e.id = m.endpoint_id
      WHERE m.status = 'paused' AND ${deleted ? 'e.deleted_at IS NOT NULL' : 'e.paused = 0 AND e.deleted_at IS NULL'} LIMIT ${STEP}`;
    const still = "status = 'paused'";
    const requeued = await this.steps({
      find: aside(false),
      set: `status = ${WAITING}, due_at = ?, updated_at = ?`,
      values: (now) => [now, now],
      still,
    });
    if (requeued > 0) this.delivery.wake();
    await this.steps({ find: aside(true), set: ASIDE.deleted, values: (now) => asideValues('deleted', now), still });
  }

  /** Of a message that is not over, the payload is still needed. */
  private async dropPayloads(): Promise<void> {
    await this.steps({
      // The plus sign keeps SQLite from the index on due_at, where all that is over stands under null.
      find: `SELECT id FROM messages WHERE expires_at <= ? AND +due_at IS NULL AND status <> 'paused' ORDER BY expires_at LIMIT ${STEP}`,
      params: [this.clock.now()],
      set: 'headers = NULL, expires_at = NULL',
      still: "due_at IS NULL AND status <> 'paused'",
      also: dropPayloads,
    });
  }

  /** What has no payload any more and is old goes whole, its attempts with it. */
  private async forget(): Promise<void> {
    const before = this.clock.now() - this.config.webhooks.logDays * DAY_MS;
    await this.steps({
      find: `SELECT m.id FROM projects p CROSS JOIN messages m ON m.project_id = p.id
       WHERE m.created_at < ? AND m.due_at IS NULL AND m.status <> 'paused' AND m.expires_at IS NULL LIMIT ${STEP}`,
      params: [before],
      still: 'due_at IS NULL AND expires_at IS NULL',
    });
  }

  /** Finds rows and changes them, or deletes them, a few at a time. @returns how many rows */
  private async steps({ find, params = [], set, values = () => [], still, also }: Steps): Promise<number> {
    let total = 0;
    for (let i = 0; i < STEPS_MAX && !this.#ticks.stopped; i++) {
      const found = await this.database.rows<{ id: string }>(find, params);
      if (found.length === 0) return total;
      const ids = found.map(({ id }) => id);
      const all = padded(ids);
      const where = `WHERE id IN (${placeholders(all)}) AND ${still}`;
      const statement = set === undefined ? `DELETE FROM messages ${where}` : `UPDATE messages SET ${set} ${where}`;
      const affected = await this.database.transaction(async (tx) => {
        const done = await tx.run(statement, [...values(this.clock.now()), ...all]);
        await also?.(tx, ids);
        return done.affected;
      });
      total += affected;
      if (affected === 0) return total;
    }
    return total;
  }

  private report(error: unknown): void {
    this.#logger.warn(`housekeeping could not go on: ${error instanceof Error ? error.name : 'unknown'}`);
  }
}
