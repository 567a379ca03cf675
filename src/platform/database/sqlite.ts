import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import type { DataSource, EntityManager, QueryRunner } from 'typeorm';
import type { BetterSqlite3Driver } from 'typeorm/driver/better-sqlite3/BetterSqlite3Driver.js';
import { BetterSqlite3QueryRunner } from 'typeorm/driver/better-sqlite3/BetterSqlite3QueryRunner.js';
import { Database, type OpenTransaction } from './database.js';
import type { Deadline } from './deadline.js';
import { GroupCommit, retryWhileBusy } from './group-commit.js';
import { identify } from './sqlite-file.js';
import { asSnapshot, asTransaction, type Param, type Reads, type RunResult, type Tx, type Statements } from './tx.js';

type Connection = BetterSqlite3.Database;

/** Page size of databases created here. */
const PAGE_BYTES = 4096;
const MIB = 1024 * 1024;

/**
 * Sets the pragmas that the guarantees depend on, and checks them. better-sqlite3 falls back to `synchronous=NORMAL` in WAL mode, which
 * loses acknowledged commits on a power failure.
 * @param logMib size in MiB at which a checkpoint of the write-ahead log starts. A larger log lets frequently written pages coalesce before
 * a checkpoint.
 */
export function prepareSqlite(connection: Connection, logMib: number): void {
  connection.pragma('journal_mode = WAL');
  connection.pragma('synchronous = FULL');
  connection.pragma(`wal_autocheckpoint = ${(logMib * MIB) / PAGE_BYTES}`);
  connection.pragma('foreign_keys = ON');
  connection.pragma('case_sensitive_like = ON');
  assertDurable(connection);
}

/** @throws Error when an acknowledged commit might not be on disk */
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
 * Embedded SQLite. TypeORM's driver shares one query runner, so overlapping transactions would nest. Here, units of work take turns on the
 * writing connection and are committed in groups (docs/adr/0005). Reads use another connection and see committed rows. Several processes
 * may share the file; BEGIN IMMEDIATE serialises their writes.
 */
export class SqliteDatabase extends Database {
  readonly engine = 'sqlite';
  readonly #reader: Connection;
  readonly #writer: Connection;
  /** Inode of the open file. */
  readonly #inode: bigint;
  readonly #group: GroupCommit;
  readonly #readStatements = new Map<string, BetterSqlite3.Statement>();
  readonly #writeStatements = new Map<string, BetterSqlite3.Statement>();
  /** Idle connections for snapshots; each snapshot uses one. The shared reader cannot be used, because it must see new commits. */
  readonly #snapshotReaders: Connection[] = [];

  /** @param dataSource an initialised data source. From now on, its query runners take turns */
  constructor(dataSource: DataSource, requestMs: number) {
    super(dataSource, `the folder ${dirname(String(dataSource.options.database))}`, requestMs);
    this.#writer = (dataSource.driver as BetterSqlite3Driver).databaseConnection as Connection;
    assertDurable(this.#writer);
    this.#inode = inodeOf(this.#writer.name);
    // Writers wait in retryWhileBusy instead.
    this.#writer.pragma('busy_timeout = 0');
    this.#group = new GroupCommit(this.#writer, (sql) => prepared(this.#writer, this.#writeStatements, sql));
    serialise(dataSource, this.#group);
    this.#reader = this.openReader();
    identify(this.#writer);
    const driver = dataSource.driver as BetterSqlite3Driver;
    const disconnect = driver.disconnect.bind(driver);
    driver.disconnect = async () => {
      // Closes the readers first: the last connection to close checkpoints the log, and a read-only connection cannot do that.
      for (const reader of [this.#reader, ...this.#snapshotReaders.splice(0)]) reader.close();
      await disconnect();
    };
  }

  private openReader(): Connection {
    const reader = new BetterSqlite3(this.#writer.name, { readonly: true, timeout: 0 });
    reader.pragma('case_sensitive_like = ON');
    return reader;
  }

  protected read<T>(sql: string, params: readonly Param[], deadline: Deadline): Promise<T[]> {
    return retryWhileBusy(() => prepared(this.#reader, this.#readStatements, sql).all(...params) as T[], deadline);
  }

  protected async readSnapshot<T>(body: (reads: Reads) => Promise<T>, deadline: Deadline): Promise<T> {
    const reader = this.#snapshotReaders.pop() ?? this.openReader();
    try {
      reader.exec('BEGIN');
      const result = await body(
        asSnapshot({
          rows: <R>(sql: string, params: readonly Param[] = []) =>
            retryWhileBusy(() => reader.prepare(sql).all(...params) as R[], deadline),
        }),
      );
      reader.exec('COMMIT');
      this.#snapshotReaders.push(reader);
      return result;
    } catch (error) {
      reader.close();
      throw error;
    }
  }

  protected async begin(deadline: Deadline): Promise<OpenTransaction> {
    await this.#group.begin(deadline);
    const statement = (sql: string) => prepared(this.#writer, this.#writeStatements, sql);
    return new SqliteTransaction(this.#group, statement, () => this.dataSource.createQueryRunner() as JoinableRunner);
  }

  assertFileUnchanged(): void {
    if (inodeOf(this.#writer.name) !== this.#inode)
      throw new Error(`${this.#writer.name} was replaced by another file while this process had it open: restart this process`);
  }

  async close(): Promise<void> {
    (await this.#group.exclusive())();
    if (this.dataSource.isInitialized) await this.dataSource.destroy();
  }
}

const inodeOf = (file: string) => statSync(file, { bigint: true, throwIfNoEntry: false })?.ino ?? -1n;

/** Uses the writing connection directly. TypeORM takes part only if its manager is requested, which frequent writes avoid. */
class SqliteTransaction implements OpenTransaction, Statements {
  readonly engine = 'sqlite';
  #runner: JoinableRunner | undefined;

  constructor(
    private readonly group: GroupCommit,
    private readonly statement: (sql: string) => BetterSqlite3.Statement,
    private readonly newRunner: () => JoinableRunner,
  ) {}

  get tx(): Tx {
    return asTransaction(this);
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

/** A query runner that can work inside a transaction that was begun elsewhere. */
interface JoinableRunner extends QueryRunner {
  join(): void;
  part(): void;
}

/** Makes every query runner of the data source wait for its turn in the group commit. */
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
      this.#leave ??= await group.exclusive();
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

    /* oxlint-disable typescript/no-explicit-any, typescript/no-unsafe-argument -- TypeORM's own signature */
    override async query(...args: [query: string, parameters?: any[], structured?: any]): Promise<any> {
      // A deferred transaction that upgrades to a write fails at once while another process writes.
      if (args[0] === 'BEGIN TRANSACTION') args[0] = 'BEGIN IMMEDIATE';
      if (this.#leave) return retryWhileBusy(() => super.query(...args));
      const leave = await group.exclusive();
      try {
        return await retryWhileBusy(() => super.query(...args));
      } finally {
        leave();
      }
    }
    /* oxlint-enable typescript/no-explicit-any, typescript/no-unsafe-argument */

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
