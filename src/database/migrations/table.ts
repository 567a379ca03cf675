import { type QueryRunner, Table, TableForeignKey, TableIndex, type TableColumnOptions } from 'typeorm';

/** A column as `type`, `type(length)`, with `?` when it may be null; `!` marks a part of the primary key. */
type ColumnSpec = `${string}`;

interface TableSpec {
  columns: Record<string, ColumnSpec>;
  /** Index name → columns. */
  unique?: Record<string, string[]>;
  indices?: Record<string, string[]>;
  /** Constraint name → [columns, referenced table, referenced columns]; all cascade. */
  foreignKeys?: Record<string, [columns: string[], table: string, referenced: string[]]>;
  /** Constraint name → expression. */
  checks?: Record<string, string>;
}

/**
 * Creates one table, the same on both databases, and only if it is not there: DDL is not transactional on MariaDB, so a
 * migration that died half-way must be able to run again. TypeORM leaves CHECKs out on MariaDB; they are added by hand.
 */
export async function createTable(q: QueryRunner, name: string, spec: TableSpec): Promise<void> {
  const sqlite = q.dataSource.options.type === 'better-sqlite3';
  const table = new Table({
    name,
    // TypeORM knows SQLite's whole numbers as `integer` and would see drift in `int`.
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
}

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
  const [, type, length, marks] = /^([a-z]+)(?:\((\d+)\))?([?!]*)$/.exec(spec) ?? [];
  if (!type) throw new Error(`${name}: ${spec} is not a column`);
  return { name, type, ...(length && { length }), isNullable: marks?.includes('?') ?? false, isPrimary: marks?.includes('!') ?? false };
}
