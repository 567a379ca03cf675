import { AsyncLocalStorage } from 'node:async_hooks';
import pRetry from 'p-retry';
import type { DataSource, EntityManager, QueryRunner } from 'typeorm';
import { Fault } from '../common/api-error.js';
import { CommitOutcomeUnknown, isTransient, type UniqueIndex, violates } from './errors.js';
import type { Param, RunResult, Tx } from './tx.js';

const RETRIES = 7;

/**
 * The database, as services see it: committed rows, and transactions that run again when the database asks for it.
 * {@link SqliteDatabase} and {@link MariadbDatabase} are the two there are; both keep the same promises and pass the same
 * suite.
 */
export abstract class Database {
  abstract readonly engine: 'sqlite' | 'mariadb';
  readonly #open = new AsyncLocalStorage<true>();

  constructor(readonly dataSource: DataSource) {}

  /** Rows as last committed; a read never waits for a writer. */
  async rows<T>(sql: string, params: readonly Param[] = []): Promise<T[]> {
    this.assertOutside();
    try {
      return await this.read<T>(sql, params);
    } catch (error) {
      if (!isTransient(error)) throw error;
      return await this.read<T>(sql, params).catch((again: unknown) => {
        throw isTransient(again) ? new Fault('unavailable', {}, { cause: again }) : again;
      });
    }
  }

  /** TypeORM outside a transaction: for reads where speed does not matter. */
  get manager(): EntityManager {
    this.assertOutside();
    return this.dataSource.manager;
  }

  /**
   * Runs `body` in one transaction. It may run up to eight times (deadlock, Galera certification, a busy file), so it
   * touches the database and nothing else.
   * @throws CommitOutcomeUnknown when the connection broke while COMMIT was out
   * @throws Fault `unavailable` when the database cannot be reached, or asked for it again, eight times
   */
  async transaction<T>(body: (tx: Tx) => Promise<T>): Promise<T> {
    this.assertOutside();
    try {
      return await pRetry(() => this.#open.run(true, () => this.attempt(body)), {
        retries: RETRIES,
        minTimeout: 5,
        maxTimeout: 500,
        factor: 2,
        randomize: true,
        shouldRetry: ({ error }) => isTransient(error),
      });
    } catch (error) {
      throw isTransient(error) ? new Fault('unavailable', {}, { cause: error }) : error;
    }
  }

  /**
   * Inserts what has a unique name or id of its own, however many processes try at once. A COMMIT without an answer may be
   * repeated: the second attempt then finds the row.
   * @returns false when the row was there already: read it
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

  private async attempt<T>(body: (tx: Tx) => Promise<T>): Promise<T> {
    const runner = this.dataSource.createQueryRunner();
    try {
      await this.begin(runner);
      let result: T;
      try {
        result = await body(this.bind(runner));
      } catch (error) {
        await this.rollback(runner);
        throw error;
      }
      await this.commit(runner);
      return result;
    } finally {
      await runner.release();
    }
  }

  private assertOutside(): void {
    if (this.#open.getStore()) throw new Error('a statement went past the open transaction: use the one it was given');
  }

  /** Closes every connection. */
  abstract close(): Promise<void>;
  protected abstract read<T>(sql: string, params: readonly Param[]): Promise<T[]>;
  protected abstract begin(runner: QueryRunner): Promise<void>;
  /** @throws CommitOutcomeUnknown */
  protected abstract commit(runner: QueryRunner): Promise<void>;
  protected abstract rollback(runner: QueryRunner): Promise<void>;
  protected abstract bind(runner: QueryRunner): Tx;
}

export { CommitOutcomeUnknown, type RunResult, type Tx };
