import type { Pool, PoolConnection, ResultSetHeader } from 'mysql2';
import type { DataSource, QueryRunner } from 'typeorm';
import { CommitOutcomeUnknown, Database } from './database.js';
import { leavesCommitUnknown } from './errors.js';
import type { Param, RunResult, Tx } from './tx.js';

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
    return new Promise((resolve, reject) => {
      this.#pool.execute(sql, params as Param[], (error, rows) => (error ? reject(error) : resolve(rows as T[])));
    });
  }

  protected async begin(runner: QueryRunner): Promise<void> {
    await runner.startTransaction();
  }

  protected async commit(runner: QueryRunner): Promise<void> {
    try {
      await runner.commitTransaction();
    } catch (error) {
      // A connection in doubt must not go back to the pool with a transaction open.
      (await connectionOf(runner)).destroy();
      throw leavesCommitUnknown(error) ? new CommitOutcomeUnknown(error) : error;
    }
  }

  protected async rollback(runner: QueryRunner): Promise<void> {
    try {
      await runner.rollbackTransaction();
    } catch {
      (await connectionOf(runner)).destroy();
    }
  }

  protected bind(runner: QueryRunner): Tx {
    const execute = async <T>(sql: string, params: readonly Param[]): Promise<T> => {
      const connection = await connectionOf(runner);
      return new Promise((resolve, reject) => {
        connection.execute(sql, params as Param[], (error, result) => (error ? reject(error) : resolve(result as T)));
      });
    };
    return {
      engine: this.engine,
      manager: runner.manager,
      rows: (sql, params = []) => execute(sql, params),
      run: async (sql, params = []): Promise<RunResult> => {
        const { affectedRows, insertId } = await execute<ResultSetHeader>(sql, params);
        return { affected: affectedRows, insertId };
      },
    };
  }

  async close(): Promise<void> {
    if (this.dataSource.isInitialized) await this.dataSource.destroy();
  }
}

const connectionOf = (runner: QueryRunner) => runner.connect() as Promise<PoolConnection>;

function prepare(connection: PoolConnection): void {
  for (const statement of ON_CONNECT) {
    connection.query(statement, (error) => {
      if (error && error.errno !== ER_UNKNOWN_SYSTEM_VARIABLE) connection.destroy();
    });
  }
}
