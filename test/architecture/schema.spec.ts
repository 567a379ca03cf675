import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { readConfig } from '../../src/platform/config/config.js';
import type { Database } from '../../src/platform/database/database.js';
import { openDatabase } from '../../src/platform/database/open.js';
import { entities } from '../../src/entities.js';
import { createEmptyDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';

onBothDatabases((name) => {
  let test: TestDatabase;
  let database: Database;
  beforeAll(async () => {
    test = await createEmptyDatabase(name);
    database = await openDatabase(readConfig(test.env), entities);
  });
  afterAll(async () => {
    await database.close();
    await test.drop();
  });

  it('the migrations create exactly the tables that the entities describe', async () => {
    const { upQueries } = await database.dataSource.driver.createSchemaBuilder().log();
    expect(upQueries.map(({ query }) => query)).toEqual([]);
  });

  it('the migrations can be reverted and run again', async () => {
    const applied = database.dataSource.migrations.length;
    for (let i = 0; i < applied; i++) await database.dataSource.undoLastMigration();
    expect(await database.dataSource.runMigrations()).toHaveLength(applied);
  });
});
