import { AsyncLocalStorage } from 'node:async_hooks';
import { randomInt } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { DataSource } from 'typeorm';
import { ApiFault } from '../common/api-error.js';
import { TimeBudget, DatabaseTimeout, Deadline } from './deadline.js';
import { newId } from '../common/ids.js';
import { CheckFailed } from '../observability/health.js';
import {
  CommitOutcomeUnknown,
  DatabaseFull,
  isFull,
  isTransient,
  isUnavailable,
  needsOtherServer,
  type UniqueIndex,
  violates,
} from './errors.js';
import type { Param, Reads, Rows, Tx } from './tx.js';

const RETRIES = 7;
/** First delay before a retry. It doubles with each retry, plus up to 100 % jitter: at most 1.3 s in total. */
const RETRY_MIN_MS = 5;

/** A transaction that has begun. */
export interface OpenTransaction {
  readonly tx: Tx;
  /** @throws CommitOutcomeUnknown */
  commit(): Promise<void>;
  /** Undoes the transaction. @throws an error that requires a retry */
  rollback(cause: unknown): Promise<void>;
  /** Releases the connection. Called last in every case. The deadline no longer applies. */
  release(): void;
}

/** Time limit of each operation outside a request: of tasks, commands, and streams whose response has begun. Migrations have no limit. */
const TASK_MS = 30_000;

/** For how long the database counts as not writable after it has refused a write. */
const REFUSED_MS = 5000;

/**
 * The database as services see it: committed rows, and transactions that are retried when the database requires it. Every operation has a
 * time limit: the {@link TimeBudget} of a request, or {@link TASK_MS} (docs/adr/0040). {@link SqliteDatabase} and {@link MariadbDatabase}
 * implement this class, give the same guarantees and pass the same test suite.
 */
export abstract class Database {
  abstract readonly engine: 'sqlite' | 'mariadb';
  readonly #open = new AsyncLocalStorage<true>();
  readonly #budgets = new AsyncLocalStorage<TimeBudget>();
  readonly #underway = new Set<Deadline>();
  #aborted = false;
  /** The last refused write whose cause may persist, with its time on the clock of `performance.now()`. */
  #refused: { why: string; at: number } | undefined;

  /** @param place where the data is stored; used in error messages */
  constructor(
    readonly dataSource: DataSource,
    private readonly place: string,
    private readonly requestMs: number,
  ) {}

  /** Reads committed rows. Writers never block the read. */
  rows<T>(sql: string, params: readonly Param[] = []): Promise<T[]> {
    return this.withDeadline((deadline) => this.read<T>(sql, params, deadline));
  }

  /**
   * Runs several reads on one consistent snapshot. `body` may be retried, so it must only read. Do slow work afterwards, because the
   * snapshot holds a connection.
   */
  snapshot<T>(body: (reads: Reads) => Promise<T>): Promise<T> {
    return this.withDeadline((deadline) => this.#open.run(true, () => this.readSnapshot(body, deadline)));
  }

  /**
   * Runs `body` in one transaction. `body` may run up to eight times (after a deadlock, a failed Galera certification, or a busy file), so
   * it must have no side effects outside the database.
   * @throws CommitOutcomeUnknown when the connection broke or the time limit passed during COMMIT
   * @throws ApiFault `unavailable` when the database cannot be reached, failed eight times, or has no time or space left
   */
  transaction<T>(body: (tx: Tx) => Promise<T>): Promise<T> {
    return this.withDeadline((deadline) => this.#open.run(true, () => this.attempt(body, deadline)));
  }

  /**
   * Checks that the database answers and accepts writes. After a write was refused for lack of space, the database counts as failing for
   * some time, because a small probe may succeed where other writes fail. Then a probe is written.
   * @throws CheckFailed
   */
  async check(): Promise<void> {
    await this.rows('SELECT 1 AS one FROM change_counters LIMIT 1');
    const refused = this.#refused;
    if (!refused) return;
    if (performance.now() - refused.at < REFUSED_MS) throw new CheckFailed(refused.why);
    await this.transaction(async (tx) => {
      await tx.run("INSERT INTO leases (name, holder, expires_at) VALUES (?, '', 0)", [`probe-${newId()}`]);
      await tx.run("DELETE FROM leases WHERE name LIKE 'probe-%'");
    }).catch((error: unknown) => {
      throw new CheckFailed(refused.why, { cause: error });
    });
    if (this.#refused === refused) this.#refused = undefined;
  }

  /** Runs the work of one request. Its database operations share one time budget. */
  request<T>(answered: () => boolean, work: () => T): T {
    return this.#budgets.run(new TimeBudget(this.requestMs, answered), work);
  }

  /** Runs `work` with a new time budget, e.g. to find out the outcome of a write. */
  withFreshBudget<T>(work: () => Promise<T>): Promise<T> {
    return this.#budgets.run(new TimeBudget(this.requestMs), work);
  }

  /** The deadline for finding out the outcome of a COMMIT that got no answer. */
  outcomeDeadline(): Deadline {
    return Deadline.in(this.#aborted ? 0 : this.requestMs);
  }

  /** Aborts running operations and refuses new ones. Called at the end of a shutdown's grace period. */
  abortAll(): void {
    this.#aborted = true;
    for (const deadline of this.#underway) deadline.end();
  }

  /** @throws ApiFault `unavailable` when the database cannot be reached, failed eight times, or when the time limit has passed */
  private async withDeadline<T>(operation: (deadline: Deadline) => Promise<T>): Promise<T> {
    this.assertOutside();
    const requests = this.#budgets.getStore();
    const budget = requests?.applies ? requests : undefined;
    const deadline = budget?.begin() ?? Deadline.in(TASK_MS);
    if (this.#aborted) deadline.end();
    this.#underway.add(deadline);
    try {
      if (deadline.over) throw new DatabaseTimeout();
      return await operation(deadline).catch((error: unknown) => {
        if (!isTransient(error)) throw error;
        return this.retry(operation, error, deadline);
      });
    } catch (error) {
      if (!isUnavailable(error)) throw error;
      if (needsOtherServer(error)) this.#refused = { why: 'the database server accepts no writes', at: performance.now() };
      if (!isFull(error)) throw new ApiFault('unavailable', {}, { cause: error });
      const full = new DatabaseFull(this.place, error);
      this.#refused = { why: full.message, at: performance.now() };
      throw new ApiFault('unavailable', {}, { cause: full });
    } finally {
      this.#underway.delete(deadline);
      deadline.clear();
      budget?.end();
    }
  }

  /** Retries with exponential backoff. */
  private async retry<T>(operation: (deadline: Deadline) => Promise<T>, first: unknown, deadline: Deadline): Promise<T> {
    let failure = first;
    for (let retry = 0; retry < RETRIES && isTransient(failure) && !deadline.over; retry++) {
      // Adds jitter, so that two conflicting transactions do not conflict again.
      await delay(randomInt(RETRY_MIN_MS * 2 ** retry, 2 * RETRY_MIN_MS * 2 ** retry));
      try {
        if (!deadline.over) return await operation(deadline);
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }

  /**
   * Inserts a row with a unique name or id, even if several processes try at once. An insert whose COMMIT got no answer is repeated: the
   * second attempt finds the row.
   * @returns false when the row already exists; the caller then reads it
   */
  async insertOnce(insert: (tx: Tx) => Promise<unknown>, ...unique: readonly UniqueIndex[]): Promise<boolean> {
    try {
      await this.transaction(insert);
      return true;
    } catch (error) {
      if (error instanceof CommitOutcomeUnknown) return this.insertOnce(insert, ...unique);
      if (unique.some((index) => violates(error, index))) return false;
      throw error;
    }
  }

  private async attempt<T>(body: (tx: Tx) => Promise<T>, deadline: Deadline): Promise<T> {
    const open = await this.begin(deadline);
    try {
      let result: T;
      try {
        result = await body(open.tx);
      } catch (error) {
        await open.rollback(error);
        throw error;
      }
      await open.commit();
      return result;
    } finally {
      open.release();
    }
  }

  /** @throws Error inside an open transaction, in which every statement must use `tx` */
  assertOutside(): void {
    if (this.#open.getStore()) throw new Error('database used outside its transaction: use the `tx` argument');
  }

  /** @throws Error when another file has replaced the open database file */
  abstract assertFileUnchanged(): void;
  /** Closes every connection. */
  abstract close(): Promise<void>;
  protected abstract read<T>(sql: string, params: readonly Param[], deadline: Deadline): Promise<T[]>;
  protected abstract readSnapshot<T>(body: (reads: Reads) => Promise<T>, deadline: Deadline): Promise<T>;
  /** Begins a transaction. Its connection is cut when the deadline passes. */
  protected abstract begin(deadline: Deadline): Promise<OpenTransaction>;
}

export { CommitOutcomeUnknown, type Reads, type Rows, type Tx };
