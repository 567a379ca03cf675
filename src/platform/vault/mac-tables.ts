import type { Param } from '../database/tx.js';

interface TableSpec {
  /** The columns of the primary key. */
  key: readonly string[];
  /** The columns that the MAC covers, in order. They include the key. */
  columns: readonly string[];
  /** Number of columns at the end that were added later. If they are null, the MAC leaves them out, so that older rows stay valid. */
  later?: number;
}

/**
 * Tables that decide about permissions. The MAC does not cover descriptions, times of creation and last use, the lock of an access key
 * (which only delays), and `access_keys.secret_key`, whose encryption binds it to key and user.
 */
export const MAC_TABLES = {
  domains: { key: ['id'], columns: ['id', 'name', 'enabled'] },
  projects: { key: ['id'], columns: ['id', 'domain_id', 'name', 'enabled'] },
  users: {
    key: ['id'],
    columns: ['id', 'domain_id', 'name', 'password_hash', 'enabled', 'tokens_valid_from', 'password_expires_at', 'totp_id'],
    later: 2,
  },
  totp_recovery_codes: { key: ['user_id', 'code_hash'], columns: ['user_id', 'code_hash'] },
  user_groups: { key: ['id'], columns: ['id', 'domain_id', 'name'] },
  user_group_members: { key: ['group_id', 'user_id'], columns: ['group_id', 'user_id'] },
  role_assignments: { key: ['user_id', 'project_id', 'role'], columns: ['user_id', 'project_id', 'role', 'policy_id'] },
  group_role_assignments: { key: ['group_id', 'project_id', 'role'], columns: ['group_id', 'project_id', 'role', 'policy_id'] },
  policies: { key: ['id'], columns: ['id', 'domain_id', 'name', 'type', 'document'] },
  access_keys: { key: ['access_key'], columns: ['access_key', 'user_id', 'enabled'] },
  api_keys: { key: ['id'], columns: ['id', 'project_id', 'label', 'mode', 'prefix', 'key_hash', 'created_by', 'parent_id'] },
  gateway_tokens: {
    key: ['id'],
    columns: ['id', 'project_id', 'instance_id', 'role', 'name', 'token_hash', 'expires_at', 'certificate_sha256', 'renewal_of'],
    later: 3,
  },
} as const satisfies Record<string, TableSpec>;

export type MacTable = keyof typeof MAC_TABLES;

/** The values of a row's covered columns, as text. */
export type Cells = readonly (string | null)[];

/**
 * Columns for SELECT with which `RowMacs.verified` checks a row.
 * @param alias the alias of the table in the statement
 * @param as prefix of the selected columns
 */
export const proof = (table: MacTable, alias: string, as: string = alias): string =>
  `JSON_ARRAY(${MAC_TABLES[table].columns.map((column) => `${alias}.${column}`).join(', ')}) AS ${as}Cells, ${alias}.mac AS ${as}Mac`;

export const cellsOf = (table: MacTable, row: Readonly<Record<string, Param | boolean | undefined>>): Cells =>
  MAC_TABLES[table].columns.map((column) => {
    const value = row[column];
    // A column that was forgotten would be verified as absent.
    if (value === undefined) throw new Error(`${table}.${column} has no value`);
    return asText(value);
  });

/** Returns the cells that a row's MAC covers. */
export function signedCells(table: MacTable, cells: Cells): Cells {
  const { columns, later = 0 }: TableSpec = MAC_TABLES[table];
  let end = cells.length;
  while (end > columns.length - later && cells[end - 1] === null) end--;
  return cells.slice(0, end);
}

/**
 * Parses a column of {@link proof}, which is text or parsed JSON depending on the driver; undefined for a branch of a union without the
 * column.
 */
export function readCells(value: unknown): Cells | undefined {
  if (value === null || value === undefined) return undefined;
  const cells = (typeof value === 'string' ? JSON.parse(value) : value) as Value[];
  return cells.map(asText);
}

type Value = string | number | boolean | null;

const asText = (value: Value | Uint8Array): string | null =>
  value === null ? null : typeof value === 'boolean' ? String(Number(value)) : String(value);
