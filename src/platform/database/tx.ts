import type { EntityManager } from 'typeorm';

/** The result of a statement. */
export interface RunResult {
  affected: number;
  /** MariaDB: the value of `LAST_INSERT_ID(expr)`. SQLite: the row id. */
  insertId: number;
}

/** A value that binds alike on both databases: no Date, no boolean, no object. */
export type Param = string | number | null | Uint8Array;

/** Runs queries; unless it is {@link Reads} or {@link Tx}, each may see another state of the database. */
export interface Rows {
  readonly rows: <T>(sql: string, params?: readonly Param[]) => Promise<T[]>;
}

/** Type brand that only `Database` gives out; absent at run time. */
declare const open: unique symbol;

/** Queries on one state of the database: in {@link Database.snapshot} or in a transaction. */
export interface Reads extends Rows {
  readonly [open]: 'snapshot' | 'transaction';
}

/**
 * An open transaction, created by {@link Database.transaction} alone. Every statement inside must go through it; others would run on
 * another connection. A function that needs a transaction takes one as a parameter.
 */
export interface Tx extends Reads, Statements {
  readonly [open]: 'transaction';
}

/** The operations of a transaction on either database. */
export interface Statements extends Rows {
  readonly engine: 'sqlite' | 'mariadb';
  /** TypeORM's entity manager on this transaction's connection. */
  readonly manager: EntityManager;
  /** Runs a frequent INSERT, UPDATE or DELETE, prepared once per connection. */
  readonly run: (sql: string, params?: readonly Param[]) => Promise<RunResult>;
}

/** For database implementations, which have begun one, and for ChangesService, whose writes extend one. */
export const asTransaction = (statements: Statements): Tx => statements as Tx;
/** For database implementations, which hold a snapshot. */
export const asSnapshot = (rows: Rows): Reads => rows as Reads;

/** `?, ?, ?`: one per value. */
export const placeholders = (values: readonly unknown[]) => values.map(() => '?').join(', ');

/** Splits a list into batches that one statement can bind (SQLite limits parameters). */
export function chunks<T>(values: readonly T[], size = 500): T[][] {
  return Array.from({ length: Math.ceil(values.length / size) }, (_, i) => values.slice(i * size, (i + 1) * size));
}

const PADDED_STEP = 64;

/** Repeats the last value up to a power of two or a multiple of 64: bounds the number of distinct prepared statements. */
export function padded(values: readonly string[]): string[] {
  const last = values.at(-1);
  if (last === undefined) return [];
  const { length: count } = values;
  const length = count > PADDED_STEP ? Math.ceil(count / PADDED_STEP) * PADDED_STEP : 2 ** Math.ceil(Math.log2(count));
  return [...values, ...Array.from({ length: length - count }, () => last)];
}

const ROWS_STEPS = [64, 8];
const ROWS_MAX = 512;

/** Rows per INSERT for `count` rows: limits the sizes to twenty-two, since each is a prepared statement that stays cached. */
export function rowsPerInsert(count: number): number {
  const step = ROWS_STEPS.find((each) => count >= each) ?? 1;
  return Math.min(ROWS_MAX, count - (count % step));
}
