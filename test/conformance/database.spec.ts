import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readConfig } from '../../src/platform/config/config.js';
import type { Database } from '../../src/platform/database/database.js';
import { openDatabase } from '../../src/platform/database/open.js';
import { assertDurable } from '../../src/platform/database/sqlite.js';
import { entities } from '../../src/entities.js';
import { createEmptyDatabase, onBothDatabases, onMariadb, type TestDatabase } from '../support/databases.js';
import BetterSqlite3 from 'better-sqlite3';
import { createConnection } from 'mysql2/promise';

const open = (test: TestDatabase) => openDatabase(readConfig(test.env), entities);
const insert = "INSERT INTO change_counters (scope_kind, scope_id, project_id, revision) VALUES ('project', ?, ?, 0)";

onBothDatabases((name) => {
  let test: TestDatabase;
  let database: Database;
  beforeAll(async () => {
    test = await createEmptyDatabase(name);
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
    it('that is rolled back does not affect concurrent ones', async () => {
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

    it('is invisible to other connections before it commits', async () => {
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

    it('loses no update, so 300 concurrent increments add up to 300', async () => {
      await database.transaction((tx) => tx.run(insert, ['counter', 'p']));
      await Promise.all(
        Array.from({ length: 300 }, () =>
          database.transaction((tx) => tx.run("UPDATE change_counters SET revision = revision + 1 WHERE scope_id = 'counter'")),
        ),
      );
      expect(await database.rows("SELECT revision AS n FROM change_counters WHERE scope_id = 'counter'")).toEqual([{ n: 300 }]);
    });

    it('refuses a statement outside of it', async () => {
      await expect(database.transaction(() => database.rows('SELECT 1 AS one'))).rejects.toThrow('database used outside its transaction');
      await expect(database.transaction(() => database.transaction(async () => undefined))).rejects.toThrow(
        'database used outside its transaction',
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

  describe('the start', () => {
    it('of eight processes on an empty database migrates it once', async () => {
      const empty = await createEmptyDatabase(name);
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
  it('a start waits for the process that migrates, and continues when that process dies', async () => {
    const test = await createEmptyDatabase('sqlite');
    // The system releases the lock of a dead process. Closing the file does the same here.
    const other = new BetterSqlite3(join(test.dataDir, 'signet.db-migration'));
    other.exec('BEGIN EXCLUSIVE');
    let opened: Database | undefined;
    const opening = open(test).then((database) => (opened = database));
    for (let i = 0; i < 10; i++) await new Promise((resolve) => setTimeout(resolve, 20));
    expect(opened).toBeUndefined();
    other.close();
    await (await opening).close();
    await test.drop();
  });

  it('a connection that would lose acknowledged commits is refused', () => {
    const connection = new BetterSqlite3(':memory:');
    expect(() => assertDurable(connection)).toThrow('synchronous=FULL');
  });

  it('the service starts on a durable connection', async () => {
    const test = await createEmptyDatabase('sqlite');
    const database = await open(test);
    const [row] = await database.dataSource.query<{ synchronous: number }[]>('PRAGMA synchronous');
    expect(row).toEqual({ synchronous: 2 });
    await database.close();
    await test.drop();
  });
});

onMariadb(() => {
  it('a start does not wait for a process that died while it migrated, and waits for no process if no migration is pending', async () => {
    const test = await createEmptyDatabase('mariadb');
    const connection = await createConnection({ uri: test.env['DATABASE_URL']! });
    const ask = async (sql: string) => ((await connection.query(sql))[0] as Record<string, string | number>[])[0]!;
    const server = createHash('sha256')
      .update(String((await ask('SELECT CONCAT(@@hostname, @@port, @@datadir) AS name'))['name']))
      .digest('hex')
      .slice(0, 8);
    await connection.query(
      'CREATE TABLE migration_lock (id INT NOT NULL PRIMARY KEY, holder VARCHAR(36) NOT NULL, expires_at BIGINT NOT NULL)',
    );
    const inAnHour = new Date().getTime() + 3_600_000;
    // No connection has this id.
    await connection.query('INSERT INTO migration_lock VALUES (1, ?, ?)', [`${server}-4294967290-dead`, inAnHour]);
    await (await open(test)).close();
    // The lock's holder has an open connection, but no migration is pending.
    const { id } = await ask('SELECT CONNECTION_ID() AS id');
    await connection.query('UPDATE migration_lock SET holder = ?, expires_at = ?', [`${server}-${id}-alive`, inAnHour]);
    await (await open(test)).close();
    await connection.end();
    await test.drop();
  });

  it('tables whose collation does not compare names byte by byte are refused', async () => {
    const test = await createEmptyDatabase('mariadb');
    try {
      const first = await open(test);
      // A table whose collation can be changed, because no foreign key depends on it.
      await first.dataSource.query('ALTER TABLE kek_checks CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci');
      await first.close();
      await expect(open(test)).rejects.toThrow('must have the collation utf8mb4_nopad_bin: kek_checks.');
    } finally {
      await test.drop();
    }
  });
});
