import type { Reads } from '../database/tx.js';
import { dataKeyIdOf, HEAD_LENGTH, type SecretPlace } from './sealed.js';

/**
 * A column of sealed secrets, and how a row tells its secret's {@link SecretPlace}: `projectId`, `rowId` and `version` are SQL
 * expressions over the row.
 */
export interface SealedColumn {
  table: string;
  column: string;
  /** The primary key's columns. */
  key: readonly string[];
  projectId: string;
  field: string;
  rowId: string;
  version: string;
}

/**
 * Every column that holds secrets sealed with a data key: what `signet rewrap --reseal` goes through. A column with a CHECK for
 * `K1.` that is not here fails test/architecture/sealed-columns.spec.ts, since its secrets would be lost with the old data key.
 */
export const SEALED_COLUMNS: readonly SealedColumn[] = [
  {
    table: 'signs',
    column: 'sign_secret',
    key: ['id'],
    projectId: 'project_id',
    field: 'signs.sign_secret',
    rowId: 'id',
    version: 'secret_version',
  },
  {
    table: 'sign_rotations',
    column: 'sign_secret',
    key: ['sign_id'],
    projectId: 'project_id',
    // The place of the key's secret: a staged one becomes the one that signs without being opened.
    field: 'signs.sign_secret',
    rowId: 'sign_id',
    version: 'version',
  },
  {
    table: 'token_keys',
    column: 'private_key',
    key: ['id'],
    projectId: "'iam'",
    field: 'token_keys.private_key',
    rowId: 'id',
    version: '1',
  },
  {
    table: 'webhook_endpoints',
    column: 'headers',
    key: ['id'],
    projectId: 'project_id',
    field: 'webhook_endpoints.headers',
    rowId: 'id',
    version: 'headers_version',
  },
  {
    table: 'messages',
    column: 'headers',
    key: ['id'],
    projectId: 'project_id',
    field: 'messages.headers',
    rowId: 'id',
    version: '1',
  },
  {
    table: 'signing_keys',
    column: 'secret',
    key: ['id'],
    projectId: 'project_id',
    field: 'signing_keys.secret',
    rowId: 'id',
    version: '1',
  },
  {
    table: 'api_key_peppers',
    column: 'pepper',
    key: ['id'],
    projectId: "'api-keys'",
    field: 'api_key_peppers.pepper',
    rowId: 'id',
    version: '1',
  },
  {
    table: 'access_keys',
    column: 'secret_key',
    key: ['access_key'],
    projectId: "'iam'",
    field: 'access_keys.secret_key',
    rowId: 'access_key',
    version: '1',
  },
];

/** Columns with the prefix that hold wrapped data keys and no secrets: `signet rewrap` without more goes through them. */
export const WRAPPED_COLUMNS: readonly string[] = ['data_keys.wrapped'];

/** A sealed secret with its place, as {@link selectSealed} reads it. */
export interface SealedRow {
  key: readonly (string | number)[];
  place: SecretPlace;
  sealed: string;
}

/** The SELECT of one batch after a row's key (the first batch: none), in the order of the key. */
export function selectSealed({ table, column, key, projectId, rowId, version }: SealedColumn, after: boolean, limit: number): string {
  const keys = key.map((part, i) => `${part} AS key${i}`).join(', ');
  const where = after ? `WHERE (${key.join(', ')}) > (${key.map(() => '?').join(', ')})` : '';
  return `SELECT ${keys}, ${projectId} AS projectId, ${rowId} AS rowId, ${version} AS version, ${column} AS sealed
    FROM ${table} ${where} ORDER BY ${key.join(', ')} LIMIT ${limit}`;
}

/** A row of {@link selectSealed}; a column that may be null has rows without a secret. */
export function toSealedRow({ key, field }: SealedColumn, row: Record<string, string | number | null>): SealedRow | undefined {
  if (row['sealed'] === null) return undefined;
  return {
    key: key.map((_, i) => row[`key${i}`] as string | number),
    place: { projectId: String(row['projectId']), field, rowId: String(row['rowId']), version: Number(row['version']) },
    sealed: String(row['sealed']),
  };
}

/** Secrets by project and data key. */
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
