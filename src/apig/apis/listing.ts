import { InstanceNotFound } from '../../platform/common/api-error.js';
import { nameCondition } from '../../platform/common/pagination.js';
import type { InstanceScope } from '../../platform/common/scope.js';
import type { Param, Rows } from '../../platform/database/tx.js';

/** Conditions of a list, each with the values that it binds, in order. */
export class Filters {
  readonly #conditions: string[] = [];
  readonly values: Param[] = [];
  /** Terms of ORDER BY that precede the list's own order. */
  readonly first: { sql: string; value: Param }[] = [];

  /** Adds a condition. */
  add(sql: string, ...values: Param[]): this {
    this.#conditions.push(`AND ${sql}`);
    this.values.push(...values);
    return this;
  }

  /** Adds `column = value` if `value` is defined. */
  equal(column: string, value: string | undefined): this {
    return value === undefined ? this : this.add(`${column} = ?`, value);
  }

  /**
   * Adds a match by name if a name is given: an exact match if `precise`, otherwise a substring match with the exact match first
   * (docs/contracts/apig.md §4.2).
   */
  named(column: string, name: string | undefined, precise: boolean): this {
    if (name === undefined) return this;
    const { sql, value, exactFirst } = nameCondition(column, name, precise);
    if (!precise) this.first.push(exactFirst);
    return this.add(sql, value);
  }

  get sql(): string {
    return this.#conditions.join(' ');
  }
}

interface Listing {
  select: string;
  /** Table and alias. The table must have the columns `id` and `instance_id`. */
  from: `${string} ${string}`;
  /** Inner joins. Every row must have a match in them. */
  joins?: string;
  filters: Filters;
  /** Order of the rows, after an exact match of the name. Default: newest first. */
  order?: string;
}

/**
 * Returns one page of a gateway's rows and the number of all matches. Selects from `instances`, so that the statement distinguishes a
 * gateway without rows from a missing gateway.
 * @throws InstanceNotFound
 */
export async function listOf<T extends { id: string }>(
  database: Rows,
  scope: InstanceScope,
  { select, from: table, joins = '', filters, order: ownOrder = `${table.split(' ')[1]}.id DESC` }: Listing,
  { limit, offset }: { limit: number; offset: number },
): Promise<{ total: number; rows: T[] }> {
  const alias = table.split(' ')[1];
  const from = `FROM instances i LEFT JOIN ${table} ON ${alias}.instance_id = i.id ${filters.sql} WHERE i.id = ? AND i.project_id = ?`;
  const params = [...filters.values, scope.instanceId, scope.projectId];
  const order = [...filters.first.map(({ sql }) => sql), ownOrder].join(', ');
  const first = filters.first.map(({ value }) => value);
  // Selects the page by id alone, because counting whole rows would read every definition.
  const rows = await database.rows<T & { total: number }>(
    `SELECT ${select}, page.total FROM (
       SELECT ${alias}.id, i.id AS instance_id, COUNT(${alias}.id) OVER () AS total ${from} ORDER BY ${order} LIMIT ? OFFSET ?
     ) page LEFT JOIN ${table} ON ${alias}.id = page.id AND ${alias}.instance_id = page.instance_id ${joins} ORDER BY ${order}`,
    [...params, ...first, String(limit), String(offset), ...first],
  );
  const [row] = rows;
  if (row) return { total: row.total, rows: rows.filter(({ id }) => id !== null) };
  const [count] = await database.rows<{ gateways: number; total: number }>(
    `SELECT COUNT(i.id) AS gateways, COUNT(${alias}.id) AS total ${from}`,
    params,
  );
  if (!count || count.gateways === 0) throw new InstanceNotFound(scope.instanceId);
  return { total: count.total, rows: [] };
}

/**
 * Returns one row of a gateway.
 * @throws InstanceNotFound, or the error that `missing` creates
 */
export async function findIn<T extends { id: string }>(
  database: Rows,
  scope: InstanceScope,
  { select, from: table, joins = '' }: Pick<Listing, 'select' | 'from' | 'joins'>,
  id: string,
  missing: () => Error,
): Promise<T> {
  const alias = table.split(' ')[1];
  const sql = `SELECT ${select} FROM instances i LEFT JOIN ${table} ON ${alias}.instance_id = i.id AND ${alias}.id = ? ${joins} WHERE i.id = ? AND i.project_id = ?`;
  const [row] = await database.rows<T | { id: null }>(sql, [id, scope.instanceId, scope.projectId]);
  if (!row) throw new InstanceNotFound(scope.instanceId);
  if (row.id === null) throw missing();
  return row;
}

/**
 * A condition for rows whose JSON column contains a field with this name and this text, at any depth. MySQL stores a space after the colon.
 */
export const hasField = (column: string, field: string, value: string) => ({
  sql: `(${column} LIKE ? OR ${column} LIKE ?)`,
  values: [`%"${field}":"${value}"%`, `%"${field}": "${value}"%`],
});

/** A condition for APIs whose definition refers to a channel. An id inside another text does not count. */
export const usesChannel = (column: string, channelId: string) => hasField(column, 'vpc_channel_id', channelId);

/** Returns a JSON column of a raw row as a value. From MySQL, mysql2 returns it parsed; from MariaDB, and on SQLite, it is text. */
export const fromJson = <T>(column: unknown): T => (typeof column === 'string' ? JSON.parse(column) : column) as T;

/**
 * Serialises the value of a JSON column. Omits null and undefined fields. All texts are well-formed, because the body was parsed by
 * `body-text.ts`.
 */
export const toJson = (value: unknown): string => JSON.stringify(value, (_, part: unknown) => (part === null ? undefined : part));
