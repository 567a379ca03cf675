import type { Socket } from 'node:net';
import type { Pool, PoolConnection, ResultSetHeader } from 'mysql2';
import type { DataSource, EntityManager, QueryRunner } from 'typeorm';
import { CommitOutcomeUnknown, Database, type OpenTransaction } from './database.js';
import { Deadline } from './deadline.js';
import { leavesCommitUnknown, needsOtherServer } from './errors.js';
import { asSnapshot, asTransaction, type Param, type Reads, type RunResult, type Tx, type Statements } from './tx.js';

/**
 * Session settings of every connection. The isolation level is READ COMMITTED: a write first locks its scope's counter, and later reads
 * must see the current rows instead of a snapshot from before the lock (docs/adr/0004). Waits for locks end before the deadline of the
 * request, so that time is left for a retry. Abandoned transactions are rolled back after a time, because the network may never report that
 * a client is gone.
 */
const onConnect = (requestMs: number) => [
  'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED',
  `SET SESSION innodb_lock_wait_timeout = ${Math.max(1, Math.floor(requestMs / 1000) - 1)}`,
  'SET SESSION wsrep_sync_wait = 1',
  'SET SESSION idle_transaction_timeout = 60',
];
const ER_UNKNOWN_SYSTEM_VARIABLE = 1193;

/** MariaDB or MySQL, accessed with mysql2. Many processes may share it. */
export class MariadbDatabase extends Database {
  readonly engine = 'mariadb';
  readonly #pool: Pool;
  readonly #onConnect: readonly string[];
  readonly #connections = new Set<PoolConnection>();
  /** Connections that were opened before a server became read-only. They are replaced instead of reused. */
  readonly #outdated = new WeakSet<PoolConnection>();

  private constructor(dataSource: DataSource, requestMs: number) {
    super(dataSource, 'the data folder of the database server', requestMs);
    this.#onConnect = onConnect(requestMs);
    this.#pool = (dataSource.driver as unknown as { pool: Pool }).pool;
  }

  /** @param dataSource an initialised data source */
  static async of(dataSource: DataSource, requestMs: number): Promise<MariadbDatabase> {
    const database = new MariadbDatabase(dataSource, requestMs);
    database.#pool.on('connection', (connection) => database.prepare(connection));
    // TypeORM opened one connection before this listener was added. It is the only one in the pool.
    const first = await new Promise<PoolConnection>((resolve, reject) =>
      database.#pool.getConnection((e, c) => (e ? reject(e) : resolve(c))),
    );
    database.prepare(first);
    first.release();
    return database;
  }

  protected async read<T>(sql: string, params: readonly Param[], deadline: Deadline): Promise<T[]> {
    const connection = await this.connection(deadline);
    try {
      return await execute<T[]>(connection, sql, params);
    } catch (error) {
      this.retire(connection, error);
      throw error;
    } finally {
      deadline.free();
      connection.release();
    }
  }

  protected async readSnapshot<T>(body: (reads: Reads) => Promise<T>, deadline: Deadline): Promise<T> {
    const connection = await this.connection(deadline);
    try {
      await query(connection, 'SET TRANSACTION ISOLATION LEVEL REPEATABLE READ');
      await query(connection, 'START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY');
      const result = await body(asSnapshot({ rows: (sql, params = []) => execute(connection, sql, params) }));
      await query(connection, 'COMMIT');
      return result;
    } catch (error) {
      this.retire(connection, error);
      await query(connection, 'ROLLBACK').catch(() => connection.destroy());
      throw error;
    } finally {
      deadline.free();
      connection.release();
    }
  }

  protected async begin(deadline: Deadline): Promise<OpenTransaction> {
    const connection = await this.connection(deadline);
    try {
      await query(connection, 'START TRANSACTION');
    } catch (error) {
      this.retire(connection, error);
      connection.destroy();
      deadline.free();
      throw error;
    }
    const retire = (error: unknown) => this.retire(connection, error);
    return new MariadbTransaction(connection, deadline, retire, () => this.dataSource.createQueryRunner());
  }

  /** Takes a connection from the pool. When the deadline passes, the connection is cut: pending and later statements on it fail. */
  private connection(deadline: Deadline): Promise<PoolConnection> {
    return new Promise((resolve, reject) => {
      let late = false;
      deadline.guard((error) => {
        late = true;
        reject(error);
      });
      const take = () =>
        this.#pool.getConnection((error, free) => {
          if (error) return void reject(error);
          if (late) return void free.release();
          if (this.#outdated.has(free)) {
            free.destroy();
            return take();
          }
          deadline.guard((cut) => sever(free, cut));
          resolve(free);
        });
      if (!late) take();
    });
  }

  /** After a refused write, every open connection may lead to a read-only server. Each is replaced before its next use. */
  private retire(connection: PoolConnection, error: unknown): void {
    if (!needsOtherServer(error)) return;
    if (!this.#outdated.has(connection)) for (const each of this.#connections) this.#outdated.add(each);
    connection.destroy();
  }

  private prepare(connection: PoolConnection): void {
    this.#connections.add(connection);
    // A pending statement reports the error itself; an idle connection is removed from the pool.
    connection.on('error', () => undefined);
    streamOf(connection).once('close', () => this.#connections.delete(connection));
    for (const statement of this.#onConnect) {
      connection.query(statement, (error) => {
        if (error && error.errno !== ER_UNKNOWN_SYSTEM_VARIABLE) connection.destroy();
      });
    }
  }

  /** Nothing to check: a connection always leads to the current server. */
  assertFileUnchanged(): void {}

  /** Closes the connections in order, but does not wait for a server that does not answer. */
  async close(): Promise<void> {
    const deadline = Deadline.in(CLOSE_MS);
    deadline.guard((cut) => {
      for (const connection of this.#connections) sever(connection, cut);
    });
    try {
      if (this.dataSource.isInitialized) await this.dataSource.destroy();
    } finally {
      deadline.clear();
    }
  }
}

const CLOSE_MS = 1000;

/**
 * The socket of a connection. mysql2 does not expose it, and mysql2's `destroy` sends the queued statements and waits for their answers.
 */
const streamOf = (connection: PoolConnection) => (connection as unknown as { stream: Socket }).stream;

/** Closes the socket, so that no further statement is sent. Pending statements fail with `error`. */
function sever(connection: PoolConnection, error: Error): void {
  streamOf(connection).destroy(error);
}

/** Uses its connection directly. TypeORM takes part only if its manager is requested, which frequent writes avoid. */
class MariadbTransaction implements OpenTransaction, Statements {
  readonly engine = 'mariadb';
  #runner: QueryRunner | undefined;

  constructor(
    private readonly connection: PoolConnection,
    private readonly deadline: Deadline,
    private readonly retire: (error: unknown) => void,
    private readonly newRunner: () => QueryRunner,
  ) {}

  get tx(): Tx {
    return asTransaction(this);
  }

  get manager(): EntityManager {
    // Binds the runner to this connection and its open transaction.
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
      await query(this.connection, 'COMMIT');
    } catch (error) {
      this.retire(error);
      // A connection in an unknown state must not return to the pool, because a transaction may be open on it.
      this.connection.destroy();
      throw leavesCommitUnknown(error) ? new CommitOutcomeUnknown(error) : error;
    }
  }

  async rollback(cause: unknown): Promise<void> {
    this.retire(cause);
    await query(this.connection, 'ROLLBACK').catch(() => this.connection.destroy());
  }

  release(): void {
    this.deadline.free();
    if (this.#runner) Object.assign(this.#runner, { isReleased: true });
    this.connection.release();
  }
}

function execute<T>(connection: Pick<PoolConnection, 'execute'>, sql: string, params: readonly Param[]): Promise<T> {
  return new Promise((resolve, reject) => {
    connection.execute(sql, params as Param[], (error, result) => (error ? reject(error) : resolve(result as T)));
  });
}

function query(connection: PoolConnection, sql: string): Promise<void> {
  return new Promise((resolve, reject) => connection.query(sql, (error) => (error ? reject(error) : resolve())));
}
