import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { readConfig } from '../../src/config/config.js';
import type { Database } from '../../src/database/database.js';
import { openDatabase } from '../../src/database/open.js';
import { entities } from '../../src/entities.js';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';

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

  it('the migrations make exactly the tables that the entities describe', async () => {
    const { upQueries } = await database.dataSource.driver.createSchemaBuilder().log();
    expect(upQueries.map(({ query }) => query)).toEqual([]);
  });

  it('the migrations can be taken back and run again', async () => {
    const applied = database.dataSource.migrations.length;
    for (let i = 0; i < applied; i++) await database.dataSource.undoLastMigration();
    expect(await database.dataSource.runMigrations()).toHaveLength(applied);
  });
});
