import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import BetterSqlite3 from 'better-sqlite3';
import { GroupRolledBack } from './errors.js';
import { GroupCommit, retryWhileBusy } from './group-commit.js';

describe('units of work on SQLite', () => {
  let folder: string;
  let connection: BetterSqlite3.Database;
  let other: BetterSqlite3.Database;
  let group: GroupCommit;
  let sent: string[];
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'signet-group-'));
    connection = new BetterSqlite3(join(folder, 'test.db'), { verbose: (sql) => void sent.push(String(sql)), timeout: 0 });
    sent = [];
    connection.pragma('journal_mode = WAL');
    connection.exec('CREATE TABLE parents (id TEXT PRIMARY KEY); CREATE TABLE rows (id TEXT PRIMARY KEY, parent TEXT REFERENCES parents)');
    other = new BetterSqlite3(join(folder, 'test.db'), { timeout: 0 });
    group = new GroupCommit(connection, (sql) => connection.prepare(sql));
    sent = [];
  });
  afterEach(() => {
    connection.close();
    other.close();
    rmSync(folder, { recursive: true });
  });

  const insert = (id: string) => connection.prepare('INSERT INTO rows (id) VALUES (?)').run(id);
  const unit = async (body: () => void) => {
    await group.begin();
    try {
      body();
    } catch (error) {
      await group.rollback();
      throw error;
    }
    await group.commit();
  };
  const stored = () => (other.prepare('SELECT id FROM rows ORDER BY id').all() as { id: string }[]).map(({ id }) => id);
  const times = (sql: string) => sent.filter((each) => each === sql).length;

  it('that arrive together share one COMMIT, and are acknowledged after it', async () => {
    const committedWhenTold: number[] = [];
    await Promise.all(['a', 'b', 'c'].map((id) => unit(() => insert(id)).then(() => committedWhenTold.push(times('COMMIT')))));
    expect(committedWhenTold).toEqual([1, 1, 1]);
    expect(times('BEGIN IMMEDIATE')).toBe(1);
    expect(stored()).toEqual(['a', 'b', 'c']);
  });

  it('are also committed without other units', async () => {
    await unit(() => insert('a'));
    expect(stored()).toEqual(['a']);
    expect(connection.inTransaction).toBe(false);
  });

  it('are committed in several groups if there are hundreds', async () => {
    await Promise.all(Array.from({ length: 200 }, (_, i) => unit(() => insert(`row_${i}`))));
    expect(stored()).toHaveLength(200);
    expect(times('COMMIT')).toBe(4);
  });

  it('fail without an effect on other units of the group', async () => {
    const refused = new Error('refused');
    const results = await Promise.allSettled([
      unit(() => insert('a')),
      unit(() => {
        insert('b');
        throw refused;
      }),
      unit(() => insert('c')),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(stored()).toEqual(['a', 'c']);
  });

  it('that conflict with another unit fail only after the other unit is committed', async () => {
    const first = unit(() => insert('a'));
    const second = unit(() => insert('a'));
    await expect(second).rejects.toThrow('UNIQUE constraint failed');
    expect(stored()).toEqual(['a']);
    await first;
  });

  it('that conflict with another unit run again if the other unit is not committed', async () => {
    connection.pragma('foreign_keys = ON');
    const first = unit(() => {
      connection.pragma('defer_foreign_keys = ON');
      connection.prepare("INSERT INTO rows (id, parent) VALUES ('a', 'nobody')").run();
    });
    const second = unit(() => insert('a'));
    const results = await Promise.allSettled([first, second]);
    expect(results).toMatchObject([{ reason: { code: 'SQLITE_CONSTRAINT_FOREIGNKEY' } }, { reason: expect.any(GroupRolledBack) }]);
    await unit(() => insert('a'));
    expect(stored()).toEqual(['a']);
  });

  it('that fail leave no transaction open', async () => {
    await expect(
      unit(() => {
        insert('a');
        throw new Error('refused');
      }),
    ).rejects.toThrow('refused');
    await new Promise(setImmediate);
    expect(connection.inTransaction).toBe(false);
    expect(stored()).toEqual([]);
  });

  it('all fail when their shared COMMIT fails; a unit that is alone gets the error of the COMMIT', async () => {
    const orphan = () => {
      connection.pragma('defer_foreign_keys = ON');
      connection.prepare("INSERT INTO rows (id, parent) VALUES ('orphan', 'nobody')").run();
    };
    connection.pragma('foreign_keys = ON');
    const results = await Promise.allSettled([unit(() => insert('a')), unit(orphan)]);
    expect(results.map((result) => (result as PromiseRejectedResult).reason)).toEqual([
      expect.any(GroupRolledBack),
      expect.any(GroupRolledBack),
    ]);
    await expect(unit(orphan)).rejects.toThrow('FOREIGN KEY constraint failed');
    expect(stored()).toEqual([]);
    await unit(() => insert('b'));
    expect(stored()).toEqual(['b']);
  });

  it('that roll back the whole transaction also roll back the other units, which get an error', async () => {
    const first = unit(() => insert('a'));
    const second = unit(() => connection.exec("INSERT INTO rows (id) VALUES ('b'); INSERT OR ROLLBACK INTO rows (id) VALUES ('b')"));
    const third = unit(() => insert('c'));
    await expect(first).rejects.toThrow(GroupRolledBack);
    await expect(second).rejects.toThrow('UNIQUE constraint failed');
    await third;
    expect(stored()).toEqual(['c']);
  });

  it('are committed before an exclusive one begins, and wait until it ends', async () => {
    const first = unit(() => insert('a'));
    const alone = group.exclusive().then((leave) => {
      expect(connection.inTransaction).toBe(false);
      expect(stored()).toEqual(['a']);
      insert('b');
      expect(stored()).toEqual(['a', 'b']);
      leave();
    });
    const last = unit(() => insert('c'));
    await Promise.all([first, alone, last]);
    expect(stored()).toEqual(['a', 'b', 'c']);
    expect(times('COMMIT')).toBe(2);
  });

  it('wait for a writing process without blocking the event loop', async () => {
    other.exec('BEGIN IMMEDIATE');
    const waiting = unit(() => insert('a'));
    await new Promise(setImmediate);
    other.exec("INSERT INTO rows (id) VALUES ('theirs'); COMMIT");
    await waiting;
    expect(stored()).toEqual(['a', 'theirs']);
  });

  it('at once report a BEGIN that fails for any other reason', async () => {
    const broken = new Error('disk I/O error');
    await expect(retryWhileBusy(() => Promise.reject(broken))).rejects.toBe(broken);
  });
});
