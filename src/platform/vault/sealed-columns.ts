import type { Reads } from '../database/tx.js';
import { dataKeyIdOf, HEAD_LENGTH, type EncryptionContext } from './sealed.js';

/**
 * A column with encrypted secrets. `projectId`, `ownerId`, `field`, `rowId` and `version` are SQL expressions for the {@link
 * EncryptionContext} of a row.
 */
export interface SealedColumn {
  table: string;
  column: string;
  /** The columns of the primary key. */
  key: readonly string[];
  projectId: string;
  ownerId: string;
  field: string;
  rowId: string;
  version: string;
}

/**
 * All columns with secrets that data keys encrypt, for `signet admin rewrap --reseal`. If a column with a `K1.` CHECK is missing here, its
 * secrets would be lost together with the old data key, so test/architecture/sealed-columns.spec.ts fails.
 */
export const SEALED_COLUMNS: readonly SealedColumn[] = [
  {
    table: 'signs',
    column: 'sign_secret',
    key: ['id'],
    projectId: 'project_id',
    ownerId: 'instance_id',
    // Uses REPLACE, because the two databases concatenate strings in different ways.
    field: "REPLACE('signs.?', '?', sign_type)",
    rowId: 'id',
    version: 'secret_version',
  },
  {
    table: 'sign_rotations',
    column: 'sign_secret',
    key: ['sign_id'],
    projectId: 'project_id',
    ownerId: 'instance_id',
    // The context of the current secret, because promotion moves the ciphertext of the staged secret unchanged.
    field: "(SELECT REPLACE('signs.?', '?', s.sign_type) FROM signs s WHERE s.id = sign_rotations.sign_id)",
    rowId: 'sign_id',
    version: 'version',
  },
  {
    table: 'token_keys',
    column: 'private_key',
    key: ['id'],
    projectId: "'iam'",
    ownerId: "''",
    field: "'token_keys.private_key'",
    rowId: 'id',
    version: '1',
  },
  {
    table: 'webhook_endpoints',
    column: 'headers',
    key: ['id'],
    projectId: 'project_id',
    ownerId: 'id',
    field: "'webhook_endpoints.headers'",
    rowId: 'id',
    version: 'headers_version',
  },
  {
    table: 'messages',
    column: 'headers',
    key: ['id'],
    projectId: 'project_id',
    ownerId: 'endpoint_id',
    field: "'messages.headers'",
    rowId: 'id',
    version: '1',
  },
  {
    table: 'signing_keys',
    column: 'secret',
    key: ['id'],
    projectId: 'project_id',
    ownerId: 'endpoint_id',
    field: "'signing_keys.secret'",
    rowId: 'id',
    version: '1',
  },
  {
    table: 'api_key_peppers',
    column: 'pepper',
    key: ['id'],
    projectId: "'api-keys'",
    ownerId: "''",
    field: "'api_key_peppers.pepper'",
    rowId: 'id',
    version: '1',
  },
  {
    table: 'access_keys',
    column: 'secret_key',
    key: ['access_key'],
    projectId: "'iam'",
    ownerId: 'user_id',
    field: "'access_keys.secret_key'",
    rowId: 'access_key',
    version: '1',
  },
  {
    table: 'totp_credentials',
    column: 'secret',
    key: ['id'],
    projectId: "'iam'",
    ownerId: 'user_id',
    field: "'totp_credentials.secret'",
    rowId: 'id',
    version: '1',
  },
  {
    table: 'identity_keys',
    column: 'secret',
    key: ['id'],
    projectId: "'iam'",
    ownerId: "''",
    field: "'identity_keys.secret'",
    rowId: 'id',
    version: '1',
  },
];

/** Columns that contain wrapped data keys with the same prefix. `signet admin rewrap` without options handles them. */
export const WRAPPED_COLUMNS: readonly string[] = ['data_keys.wrapped'];

/** An encrypted secret with its context, as read by {@link selectSealed}. */
export interface SealedRow {
  key: readonly (string | number)[];
  context: EncryptionContext;
  sealed: string;
}

/** A SELECT of one batch in the order of the key. Except for the first batch, it begins after a given row. */
export function selectSealed(
  { table, column, key, projectId, ownerId, field, rowId, version }: SealedColumn,
  after: boolean,
  limit: number,
): string {
  const keys = key.map((part, i) => `${part} AS key${i}`).join(', ');
  const where = after ? `WHERE (${key.join(', ')}) > (${key.map(() => '?').join(', ')})` : '';
  return `SELECT ${keys}, ${projectId} AS projectId, ${ownerId} AS ownerId, ${field} AS field, ${rowId} AS rowId,
      ${version} AS version, ${column} AS sealed
    FROM ${table} ${where} ORDER BY ${key.join(', ')} LIMIT ${limit}`;
}

/** Converts a row of {@link selectSealed}; undefined if the row has no secret. */
export function toSealedRow({ key }: SealedColumn, row: Record<string, string | number | null>): SealedRow | undefined {
  if (row['sealed'] === null) return undefined;
  return {
    key: key.map((_, i) => row[`key${i}`] as string | number),
    context: {
      projectId: String(row['projectId']),
      ownerId: String(row['ownerId']),
      field: String(row['field']),
      rowId: String(row['rowId']),
      version: Number(row['version']),
    },
    sealed: String(row['sealed']),
  };
}

/** Returns the number of secrets by project and data key. */
export async function countSecrets(reads: Reads): Promise<Map<string, Map<number, number>>> {
  const counts = new Map<string, Map<number, number>>();
  for (const { table, column, projectId } of SEALED_COLUMNS) {
    const rows = await reads.rows<{ projectId: string; head: string; secrets: number }>(
      `SELECT ${projectId} AS projectId, substr(${column}, 1, ${HEAD_LENGTH}) AS head, COUNT(*) AS secrets FROM ${table}
       WHERE ${column} IS NOT NULL GROUP BY ${projectId}, substr(${column}, 1, ${HEAD_LENGTH})`,
    );
    for (const { projectId: project, head, secrets } of rows) {
      const ofProject = counts.get(project) ?? new Map<number, number>();
      counts.set(project, ofProject.set(dataKeyIdOf(head), (ofProject.get(dataKeyIdOf(head)) ?? 0) + secrets));
    }
  }
  return counts;
}
