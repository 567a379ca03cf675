import type { WriteScope } from '../changes/changes.service.js';
import type { Write } from '../changes/changes.service.js';
import type { ProjectScope } from '../common/scope.js';
import type { Reads } from '../database/database.js';
import { EndpointNotFound } from './endpoints.errors.js';

/** What an endpoint's id looks like; anything else cannot exist and needs no look-up (endpoints §1.3). */
export const ENDPOINT_ID = /^ep_[a-f0-9]{32}$/;

/** The columns that every find of what hangs on an endpoint goes through. */
export interface EndpointScope extends ProjectScope {
  endpointId: string;
}

/**
 * An endpoint as the scope of a write: its own counter is the lock, so that the keys of one endpoint are decided one after the other and
 * those of another do not wait (docs/adr/0015).
 * @throws EndpointNotFound at once for what is no endpoint's id
 */
export function inEndpoint({ projectId, endpointId }: EndpointScope): WriteScope {
  if (!ENDPOINT_ID.test(endpointId)) throw new EndpointNotFound();
  return { scopeId: endpointId, projectId, missing: () => new EndpointNotFound() };
}

/** The first look of a write: a deleted endpoint keeps its counter. @throws EndpointNotFound */
export async function assertAlive(write: Write): Promise<void> {
  const sql = 'SELECT 1 AS one FROM webhook_endpoints WHERE id = ? AND project_id = ? AND deleted_at IS NULL';
  if ((await write.rows(sql, [write.scopeId, write.projectId])).length === 0) throw new EndpointNotFound();
}

/** Rows of an endpoint, told apart from an endpoint that is not there. @throws EndpointNotFound */
export async function readOfEndpoint<T>(reads: Reads, { projectId, endpointId }: EndpointScope, sql: string): Promise<T[]> {
  if (!ENDPOINT_ID.test(endpointId)) throw new EndpointNotFound();
  const rows = await reads.rows<T>(sql, [endpointId]);
  const alive = 'SELECT 1 AS one FROM webhook_endpoints WHERE id = ? AND project_id = ? AND deleted_at IS NULL';
  if ((await reads.rows(alive, [endpointId, projectId])).length === 0) throw new EndpointNotFound();
  return rows;
}
