import mysql, { type PoolConnection, type ResultSetHeader } from 'mysql2';
import * as sql from './floor-sql.ts';
import { auditValues, changeValues, type Scope, type SignRow, signValues, type Store, type Value } from './floor-store.ts';

/** As many connections as the service's pool has by default. */
const POOL = 32;

/** A pool, prepared statements through `execute`, READ COMMITTED like the service's connections. */
export function openStore(url: string): Store {
  const pool = mysql.createPool({
    uri: url,
    connectionLimit: POOL,
    charset: 'utf8mb4_bin',
    timezone: 'Z',
    supportBigNumbers: true,
    maxPreparedStatements: 200,
    enableKeepAlive: true,
  });
  pool.on('connection', (connection) => connection.query('SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED'));

  const acquire = () =>
    new Promise<PoolConnection>((resolve, reject) =>
      pool.getConnection((error, connection) => (error ? reject(error) : resolve(connection))),
    );
  const execute = <T>(on: Pick<PoolConnection, 'execute'>, text: string, values: Value[]) =>
    new Promise<T>((resolve, reject) => on.execute(text, values, (error, result) => (error ? reject(error) : resolve(result as T))));
  const query = (on: PoolConnection, text: string) =>
    new Promise<void>((resolve, reject) => on.query(text, (error) => (error ? reject(error) : resolve())));

  const write = async <T>(scope: Scope, body: (on: PoolConnection, revision: number) => Promise<T>): Promise<T> => {
    const connection = await acquire();
    try {
      await query(connection, 'START TRANSACTION');
      const bumped = await execute<ResultSetHeader>(connection, sql.BUMP.mariadb, [scope.instanceId, scope.projectId]);
      const result = await body(connection, bumped.insertId);
      await query(connection, 'COMMIT');
      return result;
    } catch (error) {
      await query(connection, 'ROLLBACK');
      throw error;
    } finally {
      connection.release();
    }
  };
  const record = async (on: PoolConnection, scope: Scope, revision: number, about: Parameters<typeof auditValues>[2], op: string) => {
    const [previous] = await execute<{ hash: string }[]>(on, sql.PREVIOUS_HASH, [scope.instanceId, revision - 1]);
    await execute(on, sql.INSERT_AUDIT, auditValues(scope, revision, about, previous?.hash ?? ''));
    await execute(on, sql.INSERT_CHANGE, changeValues(scope, revision, about.signId, op, about.now));
  };

  return {
    list: ({ instanceId, projectId }, { id, limit, offset }) =>
      id === undefined
        ? execute<SignRow[]>(pool, sql.list(''), [instanceId, instanceId, projectId, limit, offset])
        : execute<SignRow[]>(pool, sql.list('AND s.id = ?'), [instanceId, id, id, instanceId, projectId, limit, offset]),
    create: (scope, sign) =>
      write(scope, async (on, revision) => {
        await execute(on, sql.QUOTA, [scope.instanceId]);
        await execute(on, sql.INSERT_SIGN, signValues(scope, sign));
        const about = { action: 'CreateSignatureKey', signId: sign.id, name: sign.name, detail: null, now: sign.now };
        await record(on, scope, revision, about, 'created');
      }),
    delete: (scope, signId, now) =>
      write(scope, async (on, revision) => {
        const found = [signId, scope.instanceId, scope.projectId];
        const [sign] = await execute<{ name: string; bound: number }[]>(on, sql.FIND_SIGN, found);
        if (!sign) return false;
        await execute(on, sql.DELETE_SIGN, [signId]);
        const about = { action: 'DeleteSignatureKey', signId, name: sign.name, detail: JSON.stringify({ unbound: sign.bound }), now };
        await record(on, scope, revision, about, 'deleted');
        return true;
      }),
  };
}
