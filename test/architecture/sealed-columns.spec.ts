import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { readConfig } from '../../src/config/config.js';
import type { Database } from '../../src/database/database.js';
import { openDatabase } from '../../src/database/open.js';
import { entities } from '../../src/entities.js';
import { SEALED_COLUMNS, selectSealed, WRAPPED_COLUMNS } from '../../src/vault/sealed-columns.js';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';

/** Every column whose CHECK asks for the prefix of a sealed record, as the database has it. */
async function prefixedColumns(database: Database): Promise<string[]> {
  const checks =
    database.engine === 'sqlite'
      ? await database.rows<{ name: string; clause: string }>("SELECT name, sql AS clause FROM sqlite_master WHERE type = 'table'")
      : await database.rows<{ name: string; clause: string }>(
          'SELECT TABLE_NAME AS name, CHECK_CLAUSE AS clause FROM information_schema.CHECK_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = DATABASE()',
        );
  const found = checks.flatMap(({ name, clause }) =>
    [...clause.matchAll(/substr\([`"]?(\w+)[`"]?\s*,\s*1\s*,\s*3\)\s*=\s*'K1\.'/g)].map(([, column]) => `${name}.${column}`),
  );
  return [...new Set(found)].sort();
}

onBothDatabases((name) => {
  let test: TestDatabase;
  let database: Database;
  beforeAll(async () => {
    test = await createTestDatabase(name);
    database = await openDatabase(readConfig(test.env), entities);
  });
  afterAll(async () => {
    await database.close();
    await test.drop();
  });

  it('every column of sealed secrets is in SEALED_COLUMNS (src/vault/sealed-columns.ts), so that its secrets follow a new data key', async () => {
    const listed = [...SEALED_COLUMNS.map(({ table, column }) => `${table}.${column}`), ...WRAPPED_COLUMNS].sort();
    expect(await prefixedColumns(database)).toEqual(listed);
  });

  it.each(SEALED_COLUMNS.map((column) => [`${column.table}.${column.column}`, column] as const))(
    'what SEALED_COLUMNS says of %s names its primary key and columns that are there',
    async (_, column) => {
      const metadata = database.dataSource.entityMetadatas.find(({ tableName }) => tableName === column.table)!;
      expect(column.key).toEqual(metadata.primaryColumns.map(({ databaseName }) => databaseName));
      expect(
        await database.rows(
          selectSealed(column, true, 1),
          column.key.map(() => ''),
        ),
      ).toEqual([]);
    },
  );
});
