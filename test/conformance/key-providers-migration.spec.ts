import { expect, it } from '@jest/globals';
import { readConfig } from '../../src/config/config.js';
import { openDatabase } from '../../src/database/open.js';
import { entities } from '../../src/entities.js';
import { createTestDatabase, onBothDatabases } from '../support/databases.js';

onBothDatabases((name) => {
  it('data keys and canaries of the release before survive the migration, and its way back', async () => {
    const test = await createTestDatabase(name);
    const database = await openDatabase(readConfig(test.env), entities);
    try {
      const rows = () =>
        database.dataSource.query('SELECT project_id, id, root_id, wrapped, created_at FROM data_keys ORDER BY project_id, id');
      const canaries = () => database.dataSource.query('SELECT root_id, sealed FROM kek_checks');
      const wrapped = `K1.${'A'.repeat(90)}`;
      await database.dataSource.query('INSERT INTO data_keys (project_id, id, root_id, wrapped, created_at) VALUES (?, ?, ?, ?, ?)', [
        'p',
        1,
        'k',
        wrapped,
        7,
      ]);
      await database.dataSource.query('INSERT INTO kek_checks (root_id, sealed) VALUES (?, ?)', ['k', wrapped]);
      const before = [await rows(), await canaries()];
      const names = database.dataSource.migrations.map((migration) => migration.name ?? '');
      const back = names.length - names.findIndex((each) => each.startsWith('KeyProviders'));
      for (let i = 0; i < back; i++) await database.dataSource.undoLastMigration();
      expect([await rows(), await canaries()]).toEqual(before);
      expect(await database.dataSource.runMigrations()).toHaveLength(back);
      expect([await rows(), await canaries()]).toEqual(before);
      expect(await database.dataSource.query('SELECT seals, unused_since FROM data_keys')).toEqual([{ seals: 0, unused_since: null }]);
    } finally {
      await database.close();
      await test.drop();
    }
  });
});
