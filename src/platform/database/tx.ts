import type { EntityManager } from 'typeorm';

/** The result of a statement. */
export interface RunResult {
  affected: number;
  /** MariaDB: the value of `LAST_INSERT_ID(expr)`. SQLite: the id of the row. */
  insertId: number;
}

/** A value that is bound in the same way on both databases, so no Date, boolean or object. */
export type Param = string | number | null | Uint8Array;

/** Runs queries. Except in {@link Reads} and {@link Tx}, each query may see another state of the database. */
export interface Rows {
  readonly rows: <T>(sql: string, params?: readonly Param[]) => Promise<T[]>;
}

/** Type brand that only `Database` can create. It does not exist at run time. */
declare const open: unique symbol;

/** Queries that all see the same state of the database: in {@link Database.snapshot} or in a transaction. */
export interface Reads extends Rows {
  readonly [open]: 'snapshot' | 'transaction';
}

/**
 * An open transaction. Only {@link Database.transaction} creates one. Every statement inside it must use this object, because any other
 * would run on another connection. A function that needs a transaction takes one as a parameter.
 */
export interface Tx extends Reads, Statements {
  readonly [open]: 'transaction';
}

/** The operations of a transaction on either database. */
export interface Statements extends Rows {
  readonly engine: 'sqlite' | 'mariadb';
  /** TypeORM's entity manager on the connection of this transaction. */
  readonly manager: EntityManager;
  /** Runs a frequent INSERT, UPDATE or DELETE, which is prepared once per connection. */
  readonly run: (sql: string, params?: readonly Param[]) => Promise<RunResult>;
}

/**
 * Brands statements as a transaction. For database implementations, which have begun one, and for ChangesService, whose writes extend one.
 */
export const asTransaction = (statements: Statements): Tx => statements as Tx;
/** Brands rows as a snapshot. For database implementations, which hold one. */
export const asSnapshot = (rows: Rows): Reads => rows as Reads;

/** One placeholder per value: `?, ?, ?`. */
export const placeholders = (values: readonly unknown[]) => values.map(() => '?').join(', ');

/** Splits a list into batches whose values fit into one statement, because SQLite limits the number of parameters. */
export function chunks<T>(values: readonly T[], size = 500): T[][] {
  return Array.from({ length: Math.ceil(values.length / size) }, (_, i) => values.slice(i * size, (i + 1) * size));
}

const PADDED_STEP = 64;

/**
 * Repeats the last value until the length is a power of two or a multiple of 64. This limits the number of distinct prepared statements.
 */
export function padded(values: readonly string[]): string[] {
  const last = values.at(-1);
  if (last === undefined) return [];
  const { length: count } = values;
  const length = count > PADDED_STEP ? Math.ceil(count / PADDED_STEP) * PADDED_STEP : 2 ** Math.ceil(Math.log2(count));
  return [...values, ...Array.from({ length: length - count }, () => last)];
}

const ROWS_STEPS = [64, 8];
const ROWS_MAX = 512;

/**
 * The number of rows per INSERT for `count` rows. There are only twenty-two sizes, because each is a prepared statement that stays cached.
 */
export function rowsPerInsert(count: number): number {
  const step = ROWS_STEPS.find((each) => count >= each) ?? 1;
  return Math.min(ROWS_MAX, count - (count % step));
}
