import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { INestApplicationContext } from '@nestjs/common';
import type { AuditAction } from '../../platform/audit/actions.js';
import type { Caller } from '../../platform/common/principal.js';
import type { Committed } from '../../platform/common/committed.js';
import type { Database } from '../../platform/database/database.js';
import { AccessKeysService } from '../../identity/iam/access-keys.service.js';
import { InstancesService } from '../../apig/instances/instances.service.js';
import { SignsService } from '../../apig/signs/signs.service.js';
import { GatewayTokens } from '../../distribution/credentials/gateway-tokens.service.js';
import { ApiKeysService } from '../../webhooks/api-keys/api-keys.service.js';
import { EndpointsService } from '../../webhooks/endpoints/endpoints.service.js';
import { CannotDeleteLastSigningKey } from '../../webhooks/signing-keys/signing-keys.errors.js';
import { SigningKeysService } from '../../webhooks/signing-keys/signing-keys.service.js';

/** A deletion to be repeated. */
export interface Deletion {
  readonly action: DeletionAction;
  readonly resourceId: string;
  /** A deleted API key's descendants were deleted too. */
  readonly withDescendants: boolean;
}

/** An existing resource that an export of the audit trail records as deleted. */
export interface RecordedDeletion extends Deletion {
  /** For people: `key orders of gateway …`. */
  readonly subject: string;
  readonly time: string;
  readonly userName: string;
}

/** The result of a repeated deletion. */
export interface Repeated {
  /** For people. */
  readonly line: string;
  /** The write that its receipt belongs to; undefined: credentials of callers have no receipt. */
  readonly committed: Committed<unknown> | undefined;
  /** The key still exists, and its endpoint is paused. */
  readonly paused: boolean;
}

interface Kind {
  /** SQL that finds the resource: `name` for people, `scopeId` and `projectId` of its owner. Parameters: the resource's id. */
  readonly sql: string;
  readonly subject: (row: Row, deletion: Pick<Deletion, 'resourceId'>) => string;
  /** @returns the write that the receipt belongs to; undefined: credentials of callers have no receipt */
  readonly delete: (
    services: INestApplicationContext,
    row: Row,
    deletion: Deletion,
    caller: Caller,
  ) => Promise<Committed<unknown> | undefined>;
}

interface Row {
  readonly name: string;
  readonly scopeId: string;
  readonly projectId: string;
}

const get = <T>(services: INestApplicationContext, service: new (...args: never[]) => T): T => services.get(service, { strict: false });

/** Every kind whose deletion ends a signature or a credential, owners before what they own. */
const KINDS = {
  DeleteInstance: {
    sql: 'SELECT instance_name AS name, id AS scopeId, project_id AS projectId FROM instances WHERE id = ?',
    subject: ({ name }) => `gateway ${name}`,
    delete: (services, { projectId }, { resourceId }, caller) => get(services, InstancesService).delete({ projectId }, resourceId, caller),
  },
  DeleteWebhookEndpoint: {
    sql: "SELECT '' AS name, id AS scopeId, project_id AS projectId FROM webhook_endpoints WHERE id = ? AND deleted_at IS NULL",
    subject: (_, { resourceId }) => `webhook endpoint ${resourceId}`,
    delete: (services, { projectId }, { resourceId }, caller) =>
      get(services, EndpointsService).delete({ projectId, endpointId: resourceId }, caller),
  },
  DeleteSignatureKey: {
    sql: 'SELECT name, instance_id AS scopeId, project_id AS projectId FROM signs WHERE id = ?',
    subject: ({ name, scopeId }) => `key ${name} of gateway ${scopeId}`,
    delete: (services, { scopeId, projectId }, { resourceId }, caller) =>
      get(services, SignsService).delete({ instanceId: scopeId, projectId }, resourceId, caller),
  },
  DeleteSigningKey: {
    sql: 'SELECT id AS name, endpoint_id AS scopeId, project_id AS projectId FROM signing_keys WHERE id = ?',
    subject: ({ name, scopeId }) => `key ${name} of webhook endpoint ${scopeId}`,
    delete: (services, { scopeId, projectId }, { resourceId }, caller) =>
      get(services, SigningKeysService).delete({ projectId, endpointId: scopeId }, resourceId, caller),
  },
  DeleteGatewayToken: {
    sql: 'SELECT name, instance_id AS scopeId, project_id AS projectId FROM gateway_tokens WHERE id = ?',
    subject: ({ name, scopeId }) => `credential ${name} of gateway ${scopeId}`,
    delete: (services, { scopeId, projectId }, { resourceId }, caller) =>
      get(services, GatewayTokens).revoke({ instanceId: scopeId, projectId }, resourceId, caller),
  },
  DeleteApiKey: {
    sql: "SELECT COALESCE(label, '') AS name, project_id AS scopeId, project_id AS projectId FROM api_keys WHERE id = ?",
    subject: ({ name }, { resourceId }) => `API key ${name || resourceId}`,
    async delete(services, { projectId }, { resourceId, withDescendants }, caller) {
      await get(services, ApiKeysService).delete({ projectId }, resourceId, caller, !withDescendants);
      return undefined;
    },
  },
  DeletePermanentAccessKey: {
    sql: "SELECT access_key AS name, '' AS scopeId, '' AS projectId FROM access_keys WHERE access_key = ?",
    subject: ({ name }) => `access key ${name}`,
    async delete(services, { name }, _, caller) {
      await get(services, AccessKeysService).delete(name, caller);
      return undefined;
    },
  },
} satisfies Partial<Record<AuditAction, Kind>>;

type DeletionAction = keyof typeof KINDS;
const ACTIONS = Object.keys(KINDS) as DeletionAction[];

async function find(database: Database, { action, resourceId }: Deletion): Promise<Row | undefined> {
  const [row] = await database.rows<Row>(KINDS[action].sql, [resourceId]);
  return row;
}

/**
 * Reads an export of the audit trail.
 * @returns the deleted resources that exist, in the order of their repeated deletion @throws Error with advice for the operator when the
 * file is not an export
 */
export async function deletionsIn(file: string, database: Database): Promise<RecordedDeletion[]> {
  const events = new Map<DeletionAction, Map<string, Omit<RecordedDeletion, 'subject'>>>(ACTIONS.map((action) => [action, new Map()]));
  for await (const line of createInterface({ input: createReadStream(file) })) {
    if (line.trim() === '') continue;
    let fields: Partial<Record<'scope_id' | 'action' | 'resource_id' | 'time' | 'user_name' | 'detail', unknown>>;
    try {
      fields = JSON.parse(line) as typeof fields;
    } catch {
      fields = {};
    }
    const { scope_id: scopeId, action: recorded, resource_id: resourceId, time = '', user_name: userName = '', detail } = fields;
    if (typeof scopeId !== 'string' || typeof recorded !== 'string' || typeof resourceId !== 'string')
      throw new Error(`${file} is no export of the audit trail: signet admin audit export > FILE`);
    // A key that expired is deleted by the service, and recorded as expired.
    const action = (recorded === 'ExpireSigningKey' ? 'DeleteSigningKey' : recorded) as DeletionAction;
    const withDescendants = JSON.stringify(detail ?? null).includes('also_deleted');
    events.get(action)?.set(resourceId, { action, resourceId, withDescendants, time: String(time), userName: String(userName) });
  }
  const found: RecordedDeletion[] = [];
  for (const action of ACTIONS)
    for (const deletion of events.get(action)?.values() ?? []) {
      const row = await find(database, deletion);
      if (row) found.push({ ...deletion, subject: KINDS[action].subject(row, deletion) });
    }
  return found;
}

/**
 * An endpoint keeps one key. If the deleted key is the only one, its successor was lost with the newer state of the database: the
 * endpoint is paused, so that nothing is signed with a deleted key, and messages wait.
 * @returns undefined when it no longer exists: it was deleted with its owner, or several nodes have named it
 */
export async function deleteOnceMore(
  services: INestApplicationContext,
  database: Database,
  deletion: Deletion,
  caller: Caller,
): Promise<Repeated | undefined> {
  const row = await find(database, deletion);
  if (!row) return undefined;
  const kind: Kind = KINDS[deletion.action];
  try {
    const committed = await kind.delete(services, row, deletion, caller);
    return { line: `${kind.subject(row, deletion)} is deleted again`, committed, paused: false };
  } catch (error) {
    if (!(error instanceof CannotDeleteLastSigningKey)) throw error;
    const { scopeId, projectId } = row;
    const committed = await get(services, EndpointsService).pause({ projectId, endpointId: scopeId }, caller);
    const why = `because ${deletion.resourceId} is its only key: add a key, delete this one, then resume it`;
    return { line: `webhook endpoint ${scopeId} is paused, ${why}`, committed, paused: true };
  }
}
