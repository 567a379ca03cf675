import { InstanceNotFound } from '../common/api-error.js';
import type { InstanceScope } from '../common/scope.js';
import type { Database } from '../database/database.js';
import type { Param } from '../database/tx.js';

/** Rows of a gateway; when there are none, the gateway must at least be there. @throws InstanceNotFound */
export async function rowsOf<T>(database: Database, scope: InstanceScope, sql: string, params: readonly Param[]): Promise<T[]> {
  const rows = await database.rows<T>(sql, params);
  if (rows.length === 0) await assertInstance(database, scope);
  return rows;
}

/** @throws InstanceNotFound when the project has no such gateway */
export async function assertInstance(database: Database, { projectId, instanceId }: InstanceScope): Promise<void> {
  const there = await database.rows('SELECT 1 AS one FROM instances WHERE id = ? AND project_id = ?', [instanceId, projectId]);
  if (there.length === 0) throw new InstanceNotFound(instanceId);
}
