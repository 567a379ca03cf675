import { InstanceNotFound } from '../common/api-error.js';
import { nameCondition } from '../common/pagination.js';
import type { InstanceScope } from '../common/scope.js';
import type { Database } from '../database/database.js';
import type { Param } from '../database/tx.js';

/** Conditions of a list, each with the values it binds, in order. */
export class Filters {
  readonly #conditions: string[] = [];
  readonly values: Param[] = [];

  /** Adds a condition. */
  add(sql: string, ...values: Param[]): this {
    this.#conditions.push(`AND ${sql}`);
    this.values.push(...values);
    return this;
  }

  /** Adds `column = value` if there is a value. */
  equal(column: string, value: string | undefined): this {
    return value === undefined ? this : this.add(`${column} = ?`, value);
  }

  /** Adds a match by name if there is one: whole when `precise`, else of a part (apig §4.2). */
  named(column: string, name: string | undefined, precise: boolean): this {
    if (name === undefined) return this;
    const { sql, value } = nameCondition(column, name, precise);
    return this.add(sql, value);
  }

  get sql(): string {
    return this.#conditions.join(' ');
  }
}

interface Listing {
  select: string;
  /** Table and alias; it has `id` and `instance_id`. */
  from: `${string} ${string}`;
  /** Joins of what belongs to each row and is always there. */
  joins?: string;
  filters: Filters;
  /** Newest first unless said otherwise. */
  order?: string;
}

/**
 * One page of what a gateway holds and the number of all matches, read from the gateway's side, so that one statement tells
 * an empty gateway from one that is not there.
 * @throws InstanceNotFound
 */
export async function listOf<T extends { id: string }>(
  database: Database,
  scope: InstanceScope,
  { select, from: table, joins = '', filters, order = `${table.split(' ')[1]}.id DESC` }: Listing,
  { limit, offset }: { limit: number; offset: number },
): Promise<{ total: number; rows: T[] }> {
  const alias = table.split(' ')[1];
  const from = `FROM instances i LEFT JOIN ${table} ON ${alias}.instance_id = i.id ${filters.sql} WHERE i.id = ? AND i.project_id = ?`;
  const params = [...filters.values, scope.instanceId, scope.projectId];
  // The page is cut by id alone: counting over whole rows would read every definition there is.
  const rows = await database.rows<T & { total: number }>(
    `SELECT ${select}, page.total FROM (
       SELECT ${alias}.id, i.id AS instance_id, COUNT(${alias}.id) OVER () AS total ${from} ORDER BY ${order} LIMIT ? OFFSET ?
     ) page LEFT JOIN ${table} ON ${alias}.id = page.id AND ${alias}.instance_id = page.instance_id ${joins} ORDER BY ${order}`,
    [...params, String(limit), String(offset)],
  );
  const first = rows[0];
  if (first) return { total: first.total, rows: rows.filter(({ id }) => id !== null) };
  const [count] = await database.rows<{ gateways: number; total: number }>(
    `SELECT COUNT(i.id) AS gateways, COUNT(${alias}.id) AS total ${from}`,
    params,
  );
  if (!count || count.gateways === 0) throw new InstanceNotFound(scope.instanceId);
  return { total: count.total, rows: [] };
}

/**
 * One row of what a gateway holds.
 * @throws InstanceNotFound, or what `missing` makes
 */
export async function findIn<T extends { id: string }>(
  database: Database,
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

/** A JSON column of a raw row: MySQL's driver parses it, MariaDB's and SQLite's hand out text. */
export const fromJson = <T>(column: unknown): T => (typeof column === 'string' ? JSON.parse(column) : column) as T;

/** A value for a JSON column: what is absent is left out, and half a surrogate pair, which the database refuses, is replaced. */
export const toJson = (value: unknown): string =>
  JSON.stringify(value, (_, part: unknown) => (part === null ? undefined : typeof part === 'string' ? part.toWellFormed() : part));
