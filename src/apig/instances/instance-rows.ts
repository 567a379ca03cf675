import type { WriteScope } from '../../platform/changes/changes.service.js';
import { InstanceNotFound } from '../../platform/common/api-error.js';
import type { InstanceScope } from '../../platform/common/scope.js';
import type { Database, Reads } from '../../platform/database/database.js';
import type { Param } from '../../platform/database/tx.js';
import { inInstance } from './instance-scope.js';
import { inProject } from '../../identity/projects/projects.service.js';
import { type ShownGateway, shownGateway } from '../../platform/receipts/protocol-rows.js';

/** Returns rows of a gateway. If there are none, checks that the gateway exists. @throws InstanceNotFound */
export async function rowsOf<T>(database: Database, scope: InstanceScope, sql: string, params: readonly Param[]): Promise<T[]> {
  const rows = await database.rows<T>(sql, params);
  if (rows.length === 0) await assertInstance(database, scope);
  return rows;
}

/**
 * The scope of a write about the sessions, verifiers or credentials of a gateway: the gateway itself, or its project if the gateway was
 * deleted.
 * @returns also the gateway as it was before the write
 * @throws InstanceNotFound when the project never had this gateway
 */
export async function inGatewayOrProject(database: Database, scope: InstanceScope): Promise<{ lock: WriteScope; gateway: ShownGateway }> {
  const gateway = await shownGateway(database, { kind: 'instance', id: scope.instanceId });
  if (!gateway || gateway.projectId !== scope.projectId) throw new InstanceNotFound(scope.instanceId);
  return { lock: gateway.deleted ? inProject(scope) : inInstance(scope), gateway };
}

/** @throws InstanceNotFound when the project has no such gateway */
export async function assertInstance(database: Database, { projectId, instanceId }: InstanceScope): Promise<void> {
  const there = await database.rows('SELECT 1 AS one FROM instances WHERE id = ? AND project_id = ?', [instanceId, projectId]);
  if (there.length === 0) throw new InstanceNotFound(instanceId);
}

/** Returns the revision of a gateway, in the same snapshot as other rows. @throws InstanceNotFound */
export async function revisionOf(reads: Reads, { projectId, instanceId }: InstanceScope): Promise<number> {
  const sql = `SELECT c.revision FROM instances i JOIN change_counters c ON c.scope_kind = 'instance' AND c.scope_id = i.id WHERE i.id = ? AND i.project_id = ?`;
  const [counter] = await reads.rows<{ revision: number }>(sql, [instanceId, projectId]);
  if (!counter) throw new InstanceNotFound(instanceId);
  return counter.revision;
}
