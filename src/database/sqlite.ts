import BetterSqlite3 from 'better-sqlite3';
import type { DataSource, QueryRunner } from 'typeorm';
import type { BetterSqlite3Driver } from 'typeorm/driver/better-sqlite3/BetterSqlite3Driver.js';
import { BetterSqlite3QueryRunner } from 'typeorm/driver/better-sqlite3/BetterSqlite3QueryRunner.js';
import { Database } from './database.js';
import type { Param, RunResult, Tx } from './tx.js';

type Connection = BetterSqlite3.Database;

/**
 * Sets what the promises rest on, and asserts it: better-sqlite3 falls back to `synchronous=NORMAL` in WAL mode, which
 * loses acknowledged commits when the power fails.
 */
export function prepareSqlite(connection: Connection): void {
  connection.pragma('journal_mode = WAL');
  connection.pragma('synchronous = FULL');
  connection.pragma('foreign_keys = ON');
  connection.pragma('case_sensitive_like = ON');
  assertDurable(connection);
}

/** @throws Error when a commit would not be on disk when it is acknowledged */
export function assertDurable(connection: Connection): void {
  const journal = connection.pragma('journal_mode', { simple: true });
  const synchronous = connection.pragma('synchronous', { simple: true });
  if (journal !== 'wal' || synchronous !== 2) {
    throw new Error(
      `the database file must use journal_mode=wal and synchronous=FULL (2), not ${String(journal)} and ${String(synchronous)}`,
    );
  }
}

/**
 * Embedded SQLite. TypeORM's driver hands one query runner to everybody, so overlapping transactions would nest into one
 * another: here each unit of work gets its own runner, and a runner owns the writing connection from BEGIN to its end while
 * others queue (docs/adr/0005). Reads go through a connection of their own and see what is committed. Several processes
 * may share the file: BEGIN IMMEDIATE makes them take turns.
 */
export class SqliteDatabase extends Database {
  readonly engine = 'sqlite';
  readonly #reader: Connection;
  readonly #writer: Connection;
  readonly #readStatements = new Map<string, BetterSqlite3.Statement>();
  readonly #writeStatements = new Map<string, BetterSqlite3.Statement>();

  private constructor(dataSource: DataSource) {
    super(dataSource);
    this.#writer = (dataSource.driver as BetterSqlite3Driver).databaseConnection as Connection;
    assertDurable(this.#writer);
    this.#reader = new BetterSqlite3(this.#writer.name, { readonly: true, timeout: 5000 });
    this.#reader.pragma('case_sensitive_like = ON');
  }

  /** @param dataSource initialised; its runners are serialised from here on */
  static of(dataSource: DataSource): SqliteDatabase {
    serialise(dataSource);
    return new SqliteDatabase(dataSource);
  }

  protected async read<T>(sql: string, params: readonly Param[]): Promise<T[]> {
    return prepared(this.#reader, this.#readStatements, sql).all(...params) as T[];
  }

  protected async begin(runner: QueryRunner): Promise<void> {
    await runner.startTransaction();
  }

  protected async commit(runner: QueryRunner): Promise<void> {
    try {
      await runner.commitTransaction();
    } catch (error) {
      await this.rollback(runner);
      throw error;
    }
  }

  protected async rollback(runner: QueryRunner): Promise<void> {
    // A full disk or a corrupt page may have rolled back already; the file, not the runner, is what counts.
    if (this.#writer.inTransaction) await runner.rollbackTransaction();
  }

  protected bind(runner: QueryRunner): Tx {
    return {
      engine: this.engine,
      manager: runner.manager,
      rows: async <T>(sql: string, params: readonly Param[] = []) =>
        prepared(this.#writer, this.#writeStatements, sql).all(...params) as T[],
      run: async (sql: string, params: readonly Param[] = []): Promise<RunResult> => {
        const { changes, lastInsertRowid } = prepared(this.#writer, this.#writeStatements, sql).run(...params);
        return { affected: changes, insertId: Number(lastInsertRowid) };
      },
    };
  }

  async close(): Promise<void> {
    this.#reader.close();
    if (this.dataSource.isInitialized) await this.dataSource.destroy();
  }
}

const STATEMENTS_MAX = 500;

function prepared(connection: Connection, cache: Map<string, BetterSqlite3.Statement>, sql: string): BetterSqlite3.Statement {
  let statement = cache.get(sql);
  if (!statement) {
    if (cache.size >= STATEMENTS_MAX) cache.clear();
    statement = connection.prepare(sql);
    cache.set(sql, statement);
  }
  return statement;
}

/** First come, first served. */
class Turnstile {
  #tail: Promise<void> = Promise.resolve();

  /** Resolves when it is the caller's turn, with the function that ends it. */
  async take(): Promise<() => void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const before = this.#tail;
    this.#tail = before.then(() => promise);
    await before;
    return resolve;
  }
}

function serialise(dataSource: DataSource): void {
  const driver = dataSource.driver as BetterSqlite3Driver;
  const turnstile = new Turnstile();

  class SerialRunner extends BetterSqlite3QueryRunner {
    #leave: (() => void) | undefined;

    override async startTransaction(): Promise<void> {
      this.#leave ??= await turnstile.take();
      try {
        await super.startTransaction();
      } catch (error) {
        this.isTransactionActive = false;
        this.#done();
        throw error;
      }
    }

    override async commitTransaction(): Promise<void> {
      await super.commitTransaction();
      this.#done();
    }

    override async rollbackTransaction(): Promise<void> {
      try {
        await super.rollbackTransaction();
      } finally {
        this.#done();
      }
    }

    /* eslint-disable @typescript-eslint/no-explicit-any, @typescript-eslint/no-unsafe-argument -- TypeORM's own signature */
    override async query(...args: [query: string, parameters?: any[], structured?: any]): Promise<any> {
      // Deferred transactions that upgrade from read to write fail at once when another process writes.
      if (args[0] === 'BEGIN TRANSACTION') args[0] = 'BEGIN IMMEDIATE';
      if (this.#leave) return super.query(...args);
      const leave = await turnstile.take();
      try {
        return await super.query(...args);
      } finally {
        leave();
      }
    }
    /* eslint-enable */

    override async release(): Promise<void> {
      if (this.#leave && this.isTransactionActive) await this.rollbackTransaction().catch(() => undefined);
      this.#done();
      await super.release();
    }

    #done(): void {
      if (this.isTransactionActive) return;
      this.#leave?.();
      this.#leave = undefined;
    }
  }

  driver.createQueryRunner = () => new SerialRunner(driver);
}
