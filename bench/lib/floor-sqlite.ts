import BetterSqlite3 from 'better-sqlite3';
import * as sql from './floor-sql.ts';
import { auditValues, changeValues, type Scope, type SignRow, signValues, type Store } from './floor-store.ts';

/** One connection, prepared statements, one synchronous transaction per write: the minimum for better-sqlite3. */
export function openStore(file: string): Store {
  const connection = new BetterSqlite3(file, { timeout: 5000 });
  connection.pragma('journal_mode = WAL');
  connection.pragma('synchronous = FULL');
  connection.pragma('foreign_keys = ON');
  connection.pragma('case_sensitive_like = ON');

  const page = connection.prepare(sql.list(''));
  const byId = connection.prepare(sql.list('AND s.id = ?'));
  const bump = connection.prepare(sql.BUMP.sqlite);
  const quota = connection.prepare(sql.QUOTA);
  const insertSign = connection.prepare(sql.INSERT_SIGN);
  const findSign = connection.prepare(sql.FIND_SIGN);
  const deleteSign = connection.prepare(sql.DELETE_SIGN);
  const previousHash = connection.prepare(sql.PREVIOUS_HASH);
  const insertAudit = connection.prepare(sql.INSERT_AUDIT);
  const insertChange = connection.prepare(sql.INSERT_CHANGE);

  const begin = (scope: Scope) => (bump.get(scope.instanceId, scope.projectId) as { revision: number }).revision;
  const record = (scope: Scope, revision: number, about: Parameters<typeof auditValues>[2], op: string) => {
    const previous = previousHash.get(scope.instanceId, revision - 1) as { hash: string } | undefined;
    insertAudit.run(...auditValues(scope, revision, about, previous?.hash ?? ''));
    insertChange.run(...changeValues(scope, revision, about.signId, op, about.now));
  };

  const create = connection.transaction((scope: Scope, sign: Parameters<Store['create']>[1]) => {
    const revision = begin(scope);
    quota.get(scope.instanceId);
    insertSign.run(...signValues(scope, sign));
    record(scope, revision, { action: 'CreateSignatureKey', signId: sign.id, name: sign.name, detail: null, now: sign.now }, 'created');
  });
  const remove = connection.transaction((scope: Scope, signId: string, now: number) => {
    const revision = begin(scope);
    const sign = findSign.get(signId, scope.instanceId, scope.projectId) as { name: string; bound: number } | undefined;
    if (!sign) return false;
    deleteSign.run(signId);
    const detail = JSON.stringify({ unbound: sign.bound });
    record(scope, revision, { action: 'DeleteSignatureKey', signId, name: sign.name, detail, now }, 'deleted');
    return true;
  });

  return {
    list: async ({ instanceId, projectId }, { id, limit, offset }) =>
      (id === undefined
        ? page.all(instanceId, instanceId, projectId, limit, offset)
        : byId.all(instanceId, id, id, instanceId, projectId, limit, offset)) as SignRow[],
    create: async (scope, sign) => void create.immediate(scope, sign),
    delete: async (scope, signId, now) => remove.immediate(scope, signId, now),
  };
}
