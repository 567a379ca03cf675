import type { EntityManager } from 'typeorm';

/** What a statement did. */
export interface RunResult {
  affected: number;
  /** MariaDB: what `LAST_INSERT_ID(expr)` was given. SQLite: the row id. */
  insertId: number;
}

/** A value that binds the same way on both databases: no Date, no boolean, no object. */
export type Param = string | number | null | Uint8Array;

/** Statements that see one state of the database. */
export interface Reads {
  readonly rows: <T>(sql: string, params?: readonly Param[]) => Promise<T[]>;
}

/** One open transaction. Everything inside it goes through it; a statement past it would run on another connection. */
export interface Tx {
  readonly engine: 'sqlite' | 'mariadb';
  /** TypeORM's unit of work on this transaction's connection, for plain rows. */
  readonly manager: EntityManager;
  /** A hot SELECT, prepared once per connection. */
  readonly rows: <T>(sql: string, params?: readonly Param[]) => Promise<T[]>;
  /** A hot INSERT, UPDATE or DELETE, prepared once per connection. */
  readonly run: (sql: string, params?: readonly Param[]) => Promise<RunResult>;
}

/** `?, ?, ?`: as many as there are values. */
export const placeholders = (values: readonly unknown[]) => values.map(() => '?').join(', ');

/** Cuts a list into pieces that one statement can bind (SQLite refuses too many parameters). */
export function chunks<T>(values: readonly T[], size = 500): T[][] {
  return Array.from({ length: Math.ceil(values.length / size) }, (_, i) => values.slice(i * size, (i + 1) * size));
}

const PADDED_STEP = 64;

/** The list with its last value repeated up to a power of two, or a multiple of 64: few statements to prepare, whatever the number. */
export function padded(values: readonly string[]): string[] {
  const last = values.at(-1);
  if (last === undefined) return [];
  const { length: count } = values;
  const length = count > PADDED_STEP ? Math.ceil(count / PADDED_STEP) * PADDED_STEP : 2 ** Math.ceil(Math.log2(count));
  return [...values, ...Array.from({ length: length - count }, () => last)];
}

const ROWS_STEPS = [64, 8];
const ROWS_MAX = 512;

/** How many of `count` rows go into one INSERT: of the many sizes there could be only twenty-two, since each is a statement that stays prepared. */
export function rowsInOne(count: number): number {
  const step = ROWS_STEPS.find((each) => count >= each) ?? 1;
  return Math.min(ROWS_MAX, count - (count % step));
}
