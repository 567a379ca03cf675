import { AsyncLocalStorage } from 'node:async_hooks';
import pRetry from 'p-retry';
import type { DataSource, EntityManager } from 'typeorm';
import { Fault } from '../common/api-error.js';
import { CommitOutcomeUnknown, isTransient, type UniqueIndex, violates } from './errors.js';
import type { Param, Reads, RunResult, Tx } from './tx.js';

const RETRIES = 7;

/** A transaction that has begun, and the ways in which it ends. */
export interface OpenTransaction {
  readonly tx: Tx;
  /** @throws CommitOutcomeUnknown */
  commit(): Promise<void>;
  /** Leaves nothing of it behind. @throws what asks for the transaction again */
  rollback(): Promise<void>;
  /** Gives back what it held; called last, however it ended. */
  release(): void;
}

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
   * Reads several statements as of one moment: what `body` reads is what one commit left behind, and no other. It may run twice,
   * so it reads and does nothing else; what takes time is done afterwards, when nothing is held any more.
   */
  async snapshot<T>(body: (reads: Reads) => Promise<T>): Promise<T> {
    this.assertOutside();
    const attempt = () => this.#open.run(true, () => this.readTogether(body));
    try {
      return await attempt();
    } catch (error) {
      if (!isTransient(error)) throw error;
      return await attempt().catch((again: unknown) => {
        throw isTransient(again) ? new Fault('unavailable', {}, { cause: again }) : again;
      });
    }
  }

  /**
   * Runs `body` in one transaction. It may run up to eight times (deadlock, Galera certification, a busy file), so it
   * touches the database and nothing else.
   * @throws CommitOutcomeUnknown when the connection broke while COMMIT was out
   * @throws Fault `unavailable` when the database cannot be reached, or asked for it again, eight times
   */
  async transaction<T>(body: (tx: Tx) => Promise<T>): Promise<T> {
    this.assertOutside();
    const attempt = () => this.#open.run(true, () => this.attempt(body));
    try {
      return await attempt();
    } catch (error) {
      if (!isTransient(error)) throw error;
      return await this.again(attempt, error);
    }
  }

  /** The attempts after the first, which nearly always is the only one and so goes without a retrier. */
  private async again<T>(attempt: () => Promise<T>, first: unknown): Promise<T> {
    let failure = first;
    let attempts = 0;
    const next = async () => {
      try {
        if (attempts++ > 0) return await attempt();
      } catch (error) {
        failure = error;
      }
      // A stand-in: p-retry takes plain errors only, and a driver's are not always that.
      throw new Error('the database asks for the transaction again');
    };
    try {
      return await pRetry(next, {
        retries: RETRIES,
        minTimeout: 5,
        maxTimeout: 500,
        factor: 2,
        randomize: true,
        shouldRetry: () => isTransient(failure),
      });
    } catch {
      throw isTransient(failure) ? new Fault('unavailable', {}, { cause: failure }) : failure;
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
    const open = await this.begin();
    try {
      let result: T;
      try {
        result = await body(open.tx);
      } catch (error) {
        await open.rollback();
        throw error;
      }
      await open.commit();
      return result;
    } finally {
      open.release();
    }
  }

  /** Inside an open transaction everything goes through it. @throws Error when there is one */
  assertOutside(): void {
    if (this.#open.getStore()) throw new Error('a statement went past the open transaction: use the one it was given');
  }

  /** Closes every connection. */
  abstract close(): Promise<void>;
  protected abstract read<T>(sql: string, params: readonly Param[]): Promise<T[]>;
  protected abstract readTogether<T>(body: (reads: Reads) => Promise<T>): Promise<T>;
  protected abstract begin(): Promise<OpenTransaction>;
}

export { CommitOutcomeUnknown, type Reads, type RunResult, type Tx };
