import BetterSqlite3 from 'better-sqlite3';
import type { DataSource, EntityManager, QueryRunner } from 'typeorm';
import type { BetterSqlite3Driver } from 'typeorm/driver/better-sqlite3/BetterSqlite3Driver.js';
import { BetterSqlite3QueryRunner } from 'typeorm/driver/better-sqlite3/BetterSqlite3QueryRunner.js';
import { Database, type OpenTransaction } from './database.js';
import { GroupCommit, whenFree } from './group-commit.js';
import type { Param, Reads, RunResult, Tx } from './tx.js';

type Connection = BetterSqlite3.Database;

/**
 * How long the write-ahead log grows, 32 MB with pages of 4 KiB, before its pages go to the database file. A page that was written again
 * meanwhile goes once; by SQLite's own 1000 pages a busy queue writes its indexes twice every few commits. What is committed is safe
 * in the log.
 */
const CHECKPOINT_PAGES = 8000;

/**
 * Sets what the promises rest on, and asserts it: better-sqlite3 falls back to `synchronous=NORMAL` in WAL mode, which
 * loses acknowledged commits when the power fails.
 */
export function prepareSqlite(connection: Connection): void {
  connection.pragma('journal_mode = WAL');
  connection.pragma('synchronous = FULL');
  connection.pragma(`wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
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
 * another: here units of work take turns on the writing connection, and those that arrive together are synced to disk together
 * (docs/adr/0005). Reads go through a connection of their own and see what is committed. Several processes
 * may share the file: BEGIN IMMEDIATE makes them take turns.
 */
export class SqliteDatabase extends Database {
  readonly engine = 'sqlite';
  readonly #reader: Connection;
  readonly #writer: Connection;
  readonly #group: GroupCommit;
  readonly #readStatements = new Map<string, BetterSqlite3.Statement>();
  readonly #writeStatements = new Map<string, BetterSqlite3.Statement>();
  /** Connections for snapshots, one each while it lasts: the shared reader must go on seeing what is committed. */
  readonly #snapshotReaders: Connection[] = [];

  /** @param dataSource initialised; its runners are serialised from here on */
  constructor(dataSource: DataSource) {
    super(dataSource);
    this.#writer = (dataSource.driver as BetterSqlite3Driver).databaseConnection as Connection;
    assertDurable(this.#writer);
    // Whoever writes waits with whenFree.
    this.#writer.pragma('busy_timeout = 0');
    this.#group = new GroupCommit(this.#writer, (sql) => prepared(this.#writer, this.#writeStatements, sql));
    serialise(dataSource, this.#group);
    this.#reader = this.openReader();
  }

  private openReader(): Connection {
    const reader = new BetterSqlite3(this.#writer.name, { readonly: true, timeout: 5000 });
    reader.pragma('case_sensitive_like = ON');
    return reader;
  }

  protected async read<T>(sql: string, params: readonly Param[]): Promise<T[]> {
    return prepared(this.#reader, this.#readStatements, sql).all(...params) as T[];
  }

  protected async readTogether<T>(body: (reads: Reads) => Promise<T>): Promise<T> {
    const reader = this.#snapshotReaders.pop() ?? this.openReader();
    try {
      reader.exec('BEGIN');
      const result = await body({
        rows: async <R>(sql: string, params: readonly Param[] = []) => reader.prepare(sql).all(...params) as R[],
      });
      reader.exec('COMMIT');
      this.#snapshotReaders.push(reader);
      return result;
    } catch (error) {
      reader.close();
      throw error;
    }
  }

  protected async begin(): Promise<OpenTransaction> {
    await this.#group.begin();
    const statement = (sql: string) => prepared(this.#writer, this.#writeStatements, sql);
    return new SqliteTransaction(this.#group, statement, () => this.dataSource.createQueryRunner() as JoinableRunner);
  }

  async close(): Promise<void> {
    (await this.#group.alone())();
    for (const reader of [this.#reader, ...this.#snapshotReaders]) reader.close();
    if (this.dataSource.isInitialized) await this.dataSource.destroy();
  }
}

/** Speaks to the writing connection directly; TypeORM joins in when somebody asks for its manager, which the hot writes do not. */
class SqliteTransaction implements OpenTransaction, Tx {
  readonly engine = 'sqlite';
  #runner: JoinableRunner | undefined;

  constructor(
    private readonly group: GroupCommit,
    private readonly statement: (sql: string) => BetterSqlite3.Statement,
    private readonly newRunner: () => JoinableRunner,
  ) {}

  get tx(): Tx {
    return this;
  }

  get manager(): EntityManager {
    if (!this.#runner) {
      this.#runner = this.newRunner();
      this.#runner.join();
    }
    return this.#runner.manager;
  }

  readonly rows = async <T>(sql: string, params: readonly Param[] = []): Promise<T[]> => this.statement(sql).all(...params) as T[];

  readonly run = async (sql: string, params: readonly Param[] = []): Promise<RunResult> => {
    const { changes, lastInsertRowid } = this.statement(sql).run(...params);
    return { affected: changes, insertId: Number(lastInsertRowid) };
  };

  commit(): Promise<void> {
    return this.group.commit();
  }

  rollback(): Promise<void> {
    return this.group.rollback();
  }

  release(): void {
    this.#runner?.part();
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

/** A runner that can work within a transaction somebody else began and will end. */
interface JoinableRunner extends QueryRunner {
  join(): void;
  part(): void;
}

/** Makes every runner of the data source take its turn among the units of work. */
function serialise(dataSource: DataSource, group: GroupCommit): void {
  const driver = dataSource.driver as BetterSqlite3Driver;

  class SerialRunner extends BetterSqlite3QueryRunner implements JoinableRunner {
    #leave: (() => void) | undefined;

    join(): void {
      this.#leave = () => undefined;
      this.isTransactionActive = true;
      this.transactionDepth = 1;
    }

    part(): void {
      this.isReleased = true;
    }

    override async startTransaction(): Promise<void> {
      this.#leave ??= await group.alone();
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
      if (this.#leave) return whenFree(() => super.query(...args));
      const leave = await group.alone();
      try {
        return await whenFree(() => super.query(...args));
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
