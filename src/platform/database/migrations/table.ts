import { type QueryRunner, Table, TableForeignKey, TableIndex, type TableColumnOptions } from 'typeorm';

/**
 * A column as `type` or `type(length)`. `?` marks a nullable column, `!` a part of the primary key, and `=` precedes the default. A
 * `payload` is text of any length, stored unchanged.
 */
type ColumnSpec = `${string}`;

export interface TableSpec {
  columns: Record<string, ColumnSpec>;
  /** Index name → columns. */
  unique?: Record<string, string[]>;
  indices?: Record<string, string[]>;
  /** Constraint name → [columns, referenced table, referenced columns]. Every deletion cascades. */
  foreignKeys?: Record<string, [columns: string[], table: string, referenced: string[]]>;
  /** Constraint name → expression. */
  checks?: Record<string, string>;
}

/**
 * Creates a table on either database if it does not exist. DDL is not transactional on MariaDB, so an interrupted migration must be able to
 * run again. TypeORM omits CHECKs on MariaDB, so they are added separately.
 */
export async function createTable(q: QueryRunner, name: string, spec: TableSpec): Promise<void> {
  const sqlite = q.dataSource.options.type === 'better-sqlite3';
  const table = new Table({
    name,
    // SQLite reports whole numbers as `integer`. With `int`, TypeORM would report a difference from the entities.
    columns: Object.entries(spec.columns).map(([column, type]) => columnOf(column, sqlite ? type.replace(/^int\b/, 'integer') : type)),
    indices: [
      ...Object.entries(spec.unique ?? {}).map(([index, columnNames]) => new TableIndex({ name: index, columnNames, isUnique: true })),
      ...Object.entries(spec.indices ?? {}).map(([index, columnNames]) => new TableIndex({ name: index, columnNames })),
    ],
    foreignKeys: Object.entries(spec.foreignKeys ?? {}).map(
      ([key, [columnNames, referencedTableName, referencedColumnNames]]) =>
        new TableForeignKey({
          name: key,
          columnNames,
          referencedTableName,
          referencedColumnNames,
          onDelete: 'CASCADE',
          onUpdate: 'NO ACTION',
        }),
    ),
    checks: sqlite ? Object.entries(spec.checks ?? {}).map(([check, expression]) => ({ name: check, expression })) : [],
  });
  await q.createTable(table, true);
  if (!sqlite) await addChecks(q, name, spec.checks ?? {});
  const payloads = Object.entries(spec.columns).filter(([, type]) => type === 'payload');
  if (!sqlite) for (const [column] of payloads) await dropJsonCheck(q, name, column);
}

/** Adds an index to an existing table, if the index does not exist yet. */
export async function createIndex(q: QueryRunner, table: string, name: string, columns: string[]): Promise<void> {
  const there = (await q.getTable(table))?.indices.some((index) => index.name === name);
  if (!there) await q.createIndex(table, new TableIndex({ name, columnNames: columns }));
}

/**
 * Adds a nullable column to an existing table, if the column does not exist yet. Both databases change only the definition and no row. TypeORM
 * would copy the table on SQLite.
 */
export async function addColumn(q: QueryRunner, table: string, column: string, type: string): Promise<void> {
  if (!(await q.hasColumn(table, column))) await q.query(`ALTER TABLE ${table} ADD COLUMN ${column} ${type} NULL`);
}

/** Removes a column, if it exists. */
export async function dropColumn(q: QueryRunner, table: string, column: string): Promise<void> {
  if (await q.hasColumn(table, column)) await q.query(`ALTER TABLE ${table} DROP COLUMN ${column}`);
}

/**
 * Removes the CHECK of MariaDB's `json` type, which is text. The CHECK refuses some valid JSON: half of a surrogate pair, and more than 32
 * levels. The column becomes plain text of the same collation. SQLite's `json` is plain text already.
 */
const dropJsonCheck = (q: QueryRunner, table: string, column: string) =>
  q.query(`ALTER TABLE ${table} MODIFY COLUMN ${column} longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL`);

async function addChecks(q: QueryRunner, table: string, checks: Record<string, string>): Promise<void> {
  for (const [name, expression] of Object.entries(checks)) {
    const there = (await q.query(
      "SELECT 1 FROM information_schema.TABLE_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = DATABASE() AND TABLE_NAME = ? AND CONSTRAINT_NAME = ? AND CONSTRAINT_TYPE = 'CHECK'",
      [table, name],
    )) as unknown[];
    if (there.length === 0) await q.query(`ALTER TABLE ${table} ADD CONSTRAINT ${name} CHECK (${expression})`);
  }
}

function columnOf(name: string, spec: ColumnSpec): TableColumnOptions {
  const [, type, length, marks = '', value] = /^([a-z]+)(?:\((\d+)\))?([?!]*)(?:=(.*))?$/.exec(spec) ?? [];
  if (!type) throw new Error(`${name}: ${spec} is not a column`);
  return {
    name,
    type: type === 'payload' ? 'json' : type,
    ...(length && { length }),
    isNullable: marks.includes('?'),
    isPrimary: marks.includes('!'),
    ...(value !== undefined && { default: /^\d+$/.test(value) ? value : `'${value}'` }),
  };
}
