import type { Pool, PoolConnection, ResultSetHeader } from 'mysql2';
import type { DataSource, EntityManager, QueryRunner } from 'typeorm';
import { CommitOutcomeUnknown, Database, type OpenTransaction } from './database.js';
import { leavesCommitUnknown } from './errors.js';
import type { Param, Reads, RunResult, Tx } from './tx.js';

/**
 * What every connection is set to before its first statement. READ COMMITTED: the first statement of a write locks the
 * scope's counter, and what is read after that must be what is there now, not a snapshot from before the lock (docs/adr/0004).
 */
const ON_CONNECT = [
  'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED',
  'SET SESSION innodb_lock_wait_timeout = 10',
  'SET SESSION wsrep_sync_wait = 1',
];
const ER_UNKNOWN_SYSTEM_VARIABLE = 1193;

/** MariaDB or MySQL through mysql2, many processes at once. */
export class MariadbDatabase extends Database {
  readonly engine = 'mariadb';
  readonly #pool: Pool;

  private constructor(dataSource: DataSource) {
    super(dataSource);
    this.#pool = (dataSource.driver as unknown as { pool: Pool }).pool;
  }

  /** @param dataSource initialised */
  static async of(dataSource: DataSource): Promise<MariadbDatabase> {
    const database = new MariadbDatabase(dataSource);
    database.#pool.on('connection', (connection) => prepare(connection));
    // TypeORM opened one connection before we could listen; it is the only one in the pool.
    const first = await new Promise<PoolConnection>((resolve, reject) =>
      database.#pool.getConnection((e, c) => (e ? reject(e) : resolve(c))),
    );
    prepare(first);
    first.release();
    return database;
  }

  protected read<T>(sql: string, params: readonly Param[]): Promise<T[]> {
    return execute<T[]>(this.#pool, sql, params);
  }

  protected async readTogether<T>(body: (reads: Reads) => Promise<T>): Promise<T> {
    const connection = await this.connection();
    try {
      await say(connection, 'SET TRANSACTION ISOLATION LEVEL REPEATABLE READ');
      await say(connection, 'START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY');
      const result = await body({ rows: (sql, params = []) => execute(connection, sql, params) });
      await say(connection, 'COMMIT');
      connection.release();
      return result;
    } catch (error) {
      await say(connection, 'ROLLBACK').then(
        () => connection.release(),
        () => connection.destroy(),
      );
      throw error;
    }
  }

  protected async begin(): Promise<OpenTransaction> {
    const connection = await this.connection();
    try {
      await say(connection, 'START TRANSACTION');
    } catch (error) {
      connection.destroy();
      throw error;
    }
    return new MariadbTransaction(connection, () => this.dataSource.createQueryRunner());
  }

  private connection(): Promise<PoolConnection> {
    return new Promise((resolve, reject) => {
      this.#pool.getConnection((error, free) => (error ? reject(error) : resolve(free)));
    });
  }

  async close(): Promise<void> {
    if (this.dataSource.isInitialized) await this.dataSource.destroy();
  }
}

/** Speaks to its connection directly; TypeORM joins in when somebody asks for its manager, which the hot writes do not. */
class MariadbTransaction implements OpenTransaction, Tx {
  readonly engine = 'mariadb';
  #runner: QueryRunner | undefined;

  constructor(
    private readonly connection: PoolConnection,
    private readonly newRunner: () => QueryRunner,
  ) {}

  get tx(): Tx {
    return this;
  }

  get manager(): EntityManager {
    // The runner takes this connection, and the transaction on it, for its own.
    this.#runner ??= Object.assign(this.newRunner(), {
      databaseConnection: this.connection,
      isTransactionActive: true,
      transactionDepth: 1,
    });
    return this.#runner.manager;
  }

  readonly rows = <T>(sql: string, params: readonly Param[] = []): Promise<T[]> => execute<T[]>(this.connection, sql, params);

  readonly run = async (sql: string, params: readonly Param[] = []): Promise<RunResult> => {
    const { affectedRows, insertId } = await execute<ResultSetHeader>(this.connection, sql, params);
    return { affected: affectedRows, insertId };
  };

  async commit(): Promise<void> {
    try {
      await say(this.connection, 'COMMIT');
    } catch (error) {
      // A connection in doubt must not go back to the pool with a transaction open.
      this.connection.destroy();
      throw leavesCommitUnknown(error) ? new CommitOutcomeUnknown(error) : error;
    }
  }

  async rollback(): Promise<void> {
    await say(this.connection, 'ROLLBACK').catch(() => this.connection.destroy());
  }

  release(): void {
    if (this.#runner) Object.assign(this.#runner, { isReleased: true });
    this.connection.release();
  }
}

function execute<T>(connection: Pick<PoolConnection, 'execute'>, sql: string, params: readonly Param[]): Promise<T> {
  return new Promise((resolve, reject) => {
    connection.execute(sql, params as Param[], (error, result) => (error ? reject(error) : resolve(result as T)));
  });
}

function say(connection: PoolConnection, sql: string): Promise<void> {
  return new Promise((resolve, reject) => connection.query(sql, (error) => (error ? reject(error) : resolve())));
}

function prepare(connection: PoolConnection): void {
  // Whoever awaits a statement hears of it; a connection that breaks while nobody does just leaves the pool.
  connection.on('error', () => undefined);
  for (const statement of ON_CONNECT) {
    connection.query(statement, (error) => {
      if (error && error.errno !== ER_UNKNOWN_SYSTEM_VARIABLE) connection.destroy();
    });
  }
}
