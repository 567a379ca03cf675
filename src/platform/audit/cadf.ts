import { v5 as uuidOf } from 'uuid';
import { toMicroseconds } from '../common/clock.js';
import type { AuditEvent } from './audit-event.entity.js';
import type { DeniedDetail } from './denials.service.js';
import { DENIED } from './service-chains.js';

/** Namespace of event ids. An id is derived from the position of a row, so a row has the same id in every export. */
const NAMESPACE = '8f2d5c1e-6a7b-4d3f-9b0c-4e5f6a7b8c9d';

/** Maps the first word of a CTS name to a CADF action. Any other word becomes `update`. */
const ACTIONS: Record<string, string> = {
  Create: 'create',
  Add: 'create',
  Delete: 'delete',
  Remove: 'delete',
  Prune: 'delete',
  Update: 'update',
  Set: 'configure',
  Associate: 'update/associate',
  Disassociate: 'update/disassociate',
  Grant: 'enable',
  Revoke: 'revoke',
  Enable: 'enable',
  Disable: 'disable',
  Reveal: 'read',
  Rotate: 'renew',
  Record: 'create',
};
const METHODS: Record<string, string> = { GET: 'read', HEAD: 'read', POST: 'create', PUT: 'update', PATCH: 'update', DELETE: 'delete' };
const LOGIN = 'POST /v3/auth/tokens';

/** Maps a CTS resource type to the CADF resource taxonomy. */
const RESOURCES: Record<string, string> = {
  Signature: 'data/security/key',
  SignatureBinding: 'data/security/key/binding',
  Project: 'data/security/project',
  Role: 'data/security/role',
  User: 'data/security/account/user',
  Policy: 'data/security/policy',
  AccessKey: 'data/security/credential/access-key',
  GatewayToken: 'data/security/credential/gateway-token',
  Request: 'service/security/request',
  AuditChain: 'data/security/audit-chain',
};

/** Converts an event to the DMTF's Cloud Audit Data Federation format (DSP0262 1.0). */
export function toCadf(event: AuditEvent): object {
  const denied = event.scopeId === DENIED ? (JSON.parse(event.detail ?? '{}') as DeniedDetail) : undefined;
  return {
    typeURI: 'http://schemas.dmtf.org/cloud/audit/1.0/event',
    id: uuidOf(`${event.scopeId} ${event.seq}`, NAMESPACE),
    eventType: 'activity',
    eventTime: toMicroseconds(event.createdAt).replace('Z', '+0000'),
    name: event.action,
    action: denied ? actionOfRequest(event.resourceName ?? '') : actionOf(event.action),
    outcome: denied ? 'failure' : 'success',
    ...(denied && { reason: { reasonType: 'HTTP', reasonCode: String(denied.status) } }),
    initiator: {
      id: event.userId || 'unknown',
      typeURI: 'service/security/account/user',
      ...(event.userName && { name: event.userName }),
      ...(event.sourceAddress && { host: { address: event.sourceAddress } }),
      ...((event.accessKeyId || event.credentialHash) && {
        credential: { type: event.accessKeyId ? 'access-key' : 'token', token: event.accessKeyId ?? event.credentialHash },
      }),
      ...(event.projectId && { project_id: event.projectId }),
    },
    target: {
      id: event.resourceId || 'unknown',
      typeURI: RESOURCES[event.resourceType] ?? `service/security/${event.resourceType.toLowerCase()}`,
      ...(event.resourceName && { name: event.resourceName }),
    },
    observer: { id: 'signet', typeURI: 'service/security/keymanager', name: 'signet' },
    tags: [`request?id=${event.requestId}`],
    attachments: [
      {
        name: 'signet',
        typeURI: 'application/json',
        content: { scope_id: event.scopeId, seq: event.seq, format: event.format, hash: event.hash, detail: parsed(event.detail) },
      },
    ],
  };
}

const parsed = (detail: string | null): unknown => (detail === null ? null : JSON.parse(detail));
const actionOf = (name: string) => ACTIONS[/^[A-Z][a-z]*/.exec(name)?.[0] ?? ''] ?? `update/${name.toLowerCase()}`;
const actionOfRequest = (name: string) => (name === LOGIN ? 'authenticate/login' : (METHODS[name.split(' ', 1)[0] ?? ''] ?? 'unknown'));
