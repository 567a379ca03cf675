import { hash } from 'node:crypto';
import type { Tx } from '../database/database.js';
import type { AuditEvent } from './audit-event.entity.js';

/** The hash that precedes a chain's first row. */
export const GENESIS = '0'.repeat(64);

/** Hash format of new rows. Older rows keep their format and remain verifiable. */
export const FORMAT = 2;

export type UnhashedEvent = Omit<AuditEvent, 'hash'>;

const HASHED_1 = [
  'scopeId',
  'seq',
  'projectId',
  'action',
  'resourceType',
  'resourceId',
  'resourceName',
  'detail',
  'userId',
  'userName',
  'credentialHash',
  'sourceAddress',
  'requestId',
  'createdAt',
] as const satisfies (keyof UnhashedEvent)[];

/** The hashed fields of each format, in order. From format 2 on they include `format`, so that a row cannot be downgraded. */
const HASHED: Record<number, readonly (keyof UnhashedEvent)[] | undefined> = {
  1: HASHED_1,
  2: ['format', ...HASHED_1, 'accessKeyId'],
};

/**
 * Computes the SHA-256 of the previous row's hash and this row's fields as a JSON array, in hex.
 * @returns an empty string, which equals no hash, for an unknown format
 */
export function chainHash(event: UnhashedEvent, previous: string): string {
  const fields = HASHED[event.format];
  return fields ? hash('sha256', JSON.stringify([previous, ...fields.map((field) => event[field])]), 'hex') : '';
}

const COLUMNS: Record<keyof AuditEvent, string> = {
  scopeId: 'scope_id',
  seq: 'seq',
  format: 'format',
  projectId: 'project_id',
  action: 'action',
  resourceType: 'resource_type',
  resourceId: 'resource_id',
  resourceName: 'resource_name',
  detail: 'detail',
  userId: 'user_id',
  userName: 'user_name',
  accessKeyId: 'access_key_id',
  credentialHash: 'credential_hash',
  sourceAddress: 'source_address',
  requestId: 'request_id',
  createdAt: 'created_at',
  hash: 'hash',
};
const FIELDS = Object.keys(COLUMNS) as (keyof AuditEvent)[];

/** A SELECT of all fields of a row; the caller appends the condition. */
export const SELECT_EVENTS = `SELECT ${FIELDS.map((field) => `${COLUMNS[field]} AS ${field}`).join(', ')} FROM audit_events`;
const INSERT_EVENT = `INSERT INTO audit_events (${Object.values(COLUMNS).join(', ')}) VALUES (${FIELDS.map(() => '?').join(', ')})`;

/** Inserts a row after the row with the hash `previous`. @returns the hash of the new row */
export async function insertEvent(tx: Tx, event: UnhashedEvent, previous: string): Promise<string> {
  const row: AuditEvent = { ...event, hash: chainHash(event, previous) };
  await tx.run(
    INSERT_EVENT,
    FIELDS.map((field) => row[field]),
  );
  return row.hash;
}
