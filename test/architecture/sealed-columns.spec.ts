import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { readConfig } from '../../src/platform/config/config.js';
import type { Database } from '../../src/platform/database/database.js';
import { openDatabase } from '../../src/platform/database/open.js';
import { entities } from '../../src/entities.js';
import { MAC_TABLES, type MacTable } from '../../src/platform/vault/mac-tables.js';
import { SEALED_COLUMNS, selectSealed, WRAPPED_COLUMNS } from '../../src/platform/vault/sealed-columns.js';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';

/** Every column of the database whose CHECK requires the prefix of a sealed record. */
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

  it('every column of sealed secrets is in SEALED_COLUMNS (src/platform/vault/sealed-columns.ts), so that a new data key re-encrypts them', async () => {
    const listed = [...SEALED_COLUMNS.map(({ table, column }) => `${table}.${column}`), ...WRAPPED_COLUMNS].sort();
    expect(await prefixedColumns(database)).toEqual(listed);
  });

  /** The columns on which no decision about access depends (src/platform/vault/mac-tables.ts has the reasons). */
  const NOT_BELIEVED = ['description', 'created_at', 'updated_at', 'last_used_at', 'secret_key', 'mac'];
  it.each(Object.keys(MAC_TABLES) as MacTable[])('the MAC of %s covers its key and every column that the service trusts', (table) => {
    const metadata = database.dataSource.entityMetadatas.find(({ tableName }) => tableName === table)!;
    expect(MAC_TABLES[table].key).toEqual(metadata.primaryColumns.map(({ databaseName }) => databaseName));
    const columns = metadata.columns.map(({ databaseName }) => databaseName).filter((column) => !NOT_BELIEVED.includes(column));
    expect([...MAC_TABLES[table].columns].sort()).toEqual(columns.sort());
    expect(metadata.columns.map(({ databaseName }) => databaseName)).toContain('mac');
  });

  it.each(SEALED_COLUMNS.map((column) => [`${column.table}.${column.column}`, column] as const))(
    'SEALED_COLUMNS lists the primary key of %s and only existing columns',
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
