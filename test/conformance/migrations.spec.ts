import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readConfig } from '../../src/platform/config/config.js';
import type { Database } from '../../src/platform/database/database.js';
import { openDatabase } from '../../src/platform/database/open.js';
import { createIndex } from '../../src/platform/database/migrations/table.js';
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
  const replaceMigration = (to: string) => database.transaction((tx) => tx.run('UPDATE migrations SET name = ?', [to]));
  const restart = async () => (await openDatabase(readConfig(test.env), entities)).close();

  describe('a database of another version', () => {
    it('older than 0.2.0 prevents the start with one sentence that says what to do, and stays unchanged', async () => {
      await replaceMigration('Platform1763800000001');
      const before = await database.rows('SELECT * FROM migrations');
      const refusal = await restart().then(
        () => '',
        (error: Error) => error.message,
      );
      expect(refusal).toMatch(
        /^the database was created by Signet before 0\.2\.0, .*start this version on an empty database .*create the signature keys there/,
      );
      expect(refusal).not.toContain('\n');
      expect(await database.rows('SELECT * FROM migrations')).toEqual(before);
      await replaceMigration('Initial1764500000001');
      await restart();
    });
  });

  it('an index is added once to a table that has rows', async () => {
    await database.transaction((tx) => tx.run("INSERT INTO leases (name, holder, expires_at) VALUES ('a', 'b', 1)"));
    const runner = database.dataSource.createQueryRunner();
    try {
      for (let i = 0; i < 2; i++) await createIndex(runner, 'leases', 'ix_leases_holder', ['holder', 'expires_at']);
      const indices = (await runner.getTable('leases'))!.indices.filter((index) => index.name === 'ix_leases_holder');
      expect(indices.map(({ columnNames }) => columnNames)).toEqual([['holder', 'expires_at']]);
    } finally {
      await runner.release();
    }
  });

  it('a payload that MariaDB’s own JSON check would refuse is stored', async () => {
    const type = (await database.dataSource.createQueryRunner().getTable('message_payloads'))!.columns.find(
      (column) => column.name === 'payload',
    )!.type;
    if (name === 'sqlite') return expect(type).toBe('json');
    const checks = await database.dataSource.query<unknown[]>(
      "SELECT 1 FROM information_schema.CHECK_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = DATABASE() AND TABLE_NAME = 'message_payloads'",
    );
    expect([type, checks]).toEqual(['longtext', []]);
  });
});
