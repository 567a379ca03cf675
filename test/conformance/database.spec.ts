import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readConfig } from '../../src/config/config.js';
import type { Database } from '../../src/database/database.js';
import { openDatabase } from '../../src/database/open.js';
import { assertDurable } from '../../src/database/sqlite.js';
import { entities } from '../../src/entities.js';
import { createTestDatabase, onBothDatabases, onMariadb, type TestDatabase } from '../support/databases.js';
import BetterSqlite3 from 'better-sqlite3';

const open = (test: TestDatabase) => openDatabase(readConfig(test.env), entities);
const insert = 'INSERT INTO change_counters (scope_id, project_id, revision) VALUES (?, ?, 0)';

onBothDatabases((name) => {
  let test: TestDatabase;
  let database: Database;
  beforeAll(async () => {
    test = await createTestDatabase(name);
    database = await open(test);
  });
  afterAll(async () => {
    await database.close();
    await test.drop();
  });
  const ids = async () =>
    (await database.rows<{ id: string }>(`SELECT scope_id AS id FROM change_counters WHERE project_id = 'p' ORDER BY scope_id`)).map(
      ({ id }) => id,
    );

  describe('a transaction', () => {
    it('that is rolled back leaves concurrent ones alone', async () => {
      const refused = new Error('refused');
      const results = await Promise.allSettled(
        ['a', 'b', 'c', 'd'].map((id) =>
          database.transaction(async (tx) => {
            await tx.run(insert, [id, 'p']);
            await new Promise(setImmediate);
            if (id === 'a' || id === 'c') throw refused;
          }),
        ),
      );
      expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'rejected', 'fulfilled']);
      expect(await ids()).toEqual(['b', 'd']);
    });

    it('shows nothing to others before it commits', async () => {
      let seen: string[] | undefined;
      const { promise, resolve } = Promise.withResolvers<void>();
      const reader = promise.then(async () => void (seen = await ids()));
      await database.transaction(async (tx) => {
        await tx.run(insert, ['unseen', 'p']);
        resolve();
        await reader;
      });
      expect(seen).not.toContain('unseen');
      expect(await ids()).toContain('unseen');
    });

    it('loses no update: 300 increments at once make 300', async () => {
      await database.transaction((tx) => tx.run(insert, ['counter', 'p']));
      await Promise.all(
        Array.from({ length: 300 }, () =>
          database.transaction((tx) => tx.run("UPDATE change_counters SET revision = revision + 1 WHERE scope_id = 'counter'")),
        ),
      );
      expect(await database.rows("SELECT revision AS n FROM change_counters WHERE scope_id = 'counter'")).toEqual([{ n: 300 }]);
    });

    it('refuses a statement that would go past it', async () => {
      await expect(database.transaction(() => database.rows('SELECT 1 AS one'))).rejects.toThrow('went past the open transaction');
      await expect(database.transaction(() => database.transaction(async () => undefined))).rejects.toThrow(
        'went past the open transaction',
      );
    });
  });

  describe('names', () => {
    it('differ by case and by a trailing space', async () => {
      await database.transaction(async (tx) => {
        for (const id of ['name', 'Name', 'name ', 'näme'])
          await tx.run('INSERT INTO domains (id, name, enabled, created_at) VALUES (?, ?, 1, 0)', [id, id]);
      });
      expect(await database.rows('SELECT id FROM domains WHERE name = ?', ['name'])).toEqual([{ id: 'name' }]);
    });
  });

  describe('a column for a secret', () => {
    it.each([
      [
        'signs.sign_secret',
        "INSERT INTO signs (id, project_id, instance_id, name, sign_type, sign_key, sign_secret, secret_version, created_at, updated_at) VALUES ('s', 'p', 'i', 'n', 'hmac', 'k', ?, 1, 0, 0)",
      ],
      ['token_keys.private_key', "INSERT INTO token_keys (id, private_key, public_key, created_at) VALUES ('t', ?, 'p', 0)"],
      ['data_keys.wrapped', "INSERT INTO data_keys (project_id, id, root_id, wrapped, created_at) VALUES ('p', 1, 'r', ?, 0)"],
      [
        'users.password_hash',
        "INSERT INTO users (id, domain_id, name, password_hash, enabled, tokens_valid_from, created_at) VALUES ('u', 'name', 'n', ?, 1, 0, 0)",
      ],
    ])('%s refuses plain text', async (column, sql) => {
      const plain = database.transaction((tx) => tx.run(sql, ['plain-text-secret-0123456789abcdef0123456789abcdef0123456789abcdef']));
      await expect(plain).rejects.toThrow(`ck_${column.replace('.', '_')}`);
    });
  });

  describe('starting', () => {
    it('eight at once on an empty database migrate once', async () => {
      const empty = await createTestDatabase(name);
      try {
        const opened = await Promise.all(Array.from({ length: 8 }, () => open(empty)));
        const migrations = await opened[0]!.rows<{ name: string }>('SELECT name FROM migrations');
        expect(new Set(migrations.map((row) => row.name)).size).toBe(migrations.length);
        await Promise.all(opened.map((each) => each.close()));
      } finally {
        await empty.drop();
      }
    });
  });
});

describe('on SQLite', () => {
  it('a connection that would lose acknowledged commits is refused', () => {
    const connection = new BetterSqlite3(':memory:');
    expect(() => assertDurable(connection)).toThrow('synchronous=FULL');
  });

  it('the service starts on a durable connection', async () => {
    const test = await createTestDatabase('sqlite');
    const database = await open(test);
    const [row] = await database.dataSource.query<{ synchronous: number }[]>('PRAGMA synchronous');
    expect(row).toEqual({ synchronous: 2 });
    await database.close();
    await test.drop();
  });
});

onMariadb(() => {
  it('tables of a collation in which names are not compared byte by byte are refused', async () => {
    const test = await createTestDatabase('mariadb');
    try {
      const first = await open(test);
      // A table that no foreign key holds to its collation.
      await first.dataSource.query('ALTER TABLE kek_checks CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci');
      await first.close();
      await expect(open(test)).rejects.toThrow('must have the collation utf8mb4_nopad_bin: kek_checks.');
    } finally {
      await test.drop();
    }
  });
});
