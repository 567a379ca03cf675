import type { Write, WriteScope } from '../../platform/changes/changes.service.js';
import { ContractError } from '../../platform/common/api-error.js';
import type { ProjectScope } from '../../platform/common/scope.js';
import type { Reads } from '../../platform/database/database.js';

/** The endpoint does not exist or belongs to another project. Both cases have the same error (docs/contracts/endpoints.md §1.15). */
export class EndpointNotFound extends ContractError {
  constructor() {
    super(404, 'NOT_FOUND', 'Endpoint not found');
  }
}

/** Format of an endpoint id. Any other text is refused without a look-up (docs/contracts/endpoints.md §1.3). */
export const ENDPOINT_ID = /^ep_[a-f0-9]{32}$/;

/** The columns by which every query for rows of an endpoint must filter. */
export interface EndpointScope extends ProjectScope {
  endpointId: string;
}

/**
 * The scope of a write in an endpoint. Its change counter serves as the lock, so writes of different endpoints do not block each other
 * (docs/adr/0015).
 * @throws EndpointNotFound at once for a malformed id
 */
export function inEndpoint({ projectId, endpointId }: EndpointScope): WriteScope {
  if (!ENDPOINT_ID.test(endpointId)) throw new EndpointNotFound();
  return { scope: { kind: 'endpoint', id: endpointId }, projectId, notFound: () => new EndpointNotFound() };
}

/** Checks that the endpoint of a write was not deleted, because its counter remains after a deletion. @throws EndpointNotFound */
export async function assertAlive(write: Write): Promise<void> {
  const sql = 'SELECT 1 AS one FROM webhook_endpoints WHERE id = ? AND project_id = ? AND deleted_at IS NULL';
  if ((await write.rows(sql, [write.scope.id, write.projectId])).length === 0) throw new EndpointNotFound();
}

/**
 * Returns rows of an endpoint.
 * @param sql a query whose only parameter is the id of the endpoint
 * @throws EndpointNotFound instead of returning an empty list for a missing endpoint
 */
export async function readOfEndpoint<T>(reads: Reads, { projectId, endpointId }: EndpointScope, sql: string): Promise<T[]> {
  if (!ENDPOINT_ID.test(endpointId)) throw new EndpointNotFound();
  const rows = await reads.rows<T>(sql, [endpointId]);
  const alive = 'SELECT 1 AS one FROM webhook_endpoints WHERE id = ? AND project_id = ? AND deleted_at IS NULL';
  if ((await reads.rows(alive, [endpointId, projectId])).length === 0) throw new EndpointNotFound();
  return rows;
}
