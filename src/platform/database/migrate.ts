import { createHash, randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import BetterSqlite3 from 'better-sqlite3';
import type { DataSource, QueryRunner } from 'typeorm';
import { isBusy, isTransient } from './errors.js';
import { migrations } from './migrations/migrations.js';
import { assertKnownMigrations } from './sqlite-file.js';

const LEASE_MS = 30_000;
const RENEW_MS = 10_000;
const POLL_MS = 50;
const WAIT_MS = 120_000;
/** Shorter waits are not reported. */
const REPORT_AFTER_MS = 1000;

/** Writes to stderr, because logging is not set up yet, and stdout is for the results of commands. */
const writeLine = (line: string): void => void process.stderr.write(`${line}\n`);

/**
 * Runs pending migrations once, even if several processes start together. If none is pending, nothing is locked or written. On SQLite the
 * lock is a file lock; on MariaDB it is a row that names the connection of its holder. The lock ends when its holder ends. On a Galera
 * cluster a node does not see the connections of other nodes, so the row has a lease. GET_LOCK is not used, because it is local to one
 * node.
 *
 * Guarantees: Pending migrations run once, one process at a time.
 * Condition: Every process uses this lock: SQLite's file lock, or on MariaDB a row that names the connection of its holder.
 * Degrades: A lock ends when its holder ends, on a Galera cluster when its lease ends. Other processes wait for two minutes and then fail
 * to start.
 * @param say reports that this process waits for another one
 * @throws Error when another process holds the lock for more than two minutes, or a newer version of Signet has migrated the database
 */
export async function migrateUnderLock(dataSource: DataSource, say: (line: string) => void = writeLine): Promise<void> {
  if (!(await isPending(dataSource))) return;
  const release = await (dataSource.options.type === 'better-sqlite3'
    ? lockFile(String(dataSource.options.database), say)
    : lockRow(dataSource, say));
  try {
    if (await isPending(dataSource)) await dataSource.runMigrations({ transaction: 'each' });
  } finally {
    await release();
  }
}

/** @throws Error with advice for the operator when a newer version of Signet has migrated the database */
async function isPending(dataSource: DataSource): Promise<boolean> {
  const runner = dataSource.createQueryRunner();
  try {
    if (!(await runner.hasTable('migrations'))) return true;
  } finally {
    await runner.release();
  }
  const rows = await dataSource.query<{ name: string }[]>('SELECT name FROM migrations');
  const done = new Set(rows.map(({ name }) => name));
  assertKnownMigrations([...done]);
  return migrations.some(({ name }) => !done.has(name));
}

const REOPENED_MAX = 100;

/**
 * Takes a file lock, which is released when the process ends. It is a separate file, because migrations write to the database file
 * meanwhile.
 */
async function lockFile(database: string, say: (line: string) => void): Promise<() => Promise<void>> {
  const file = `${database}-migration`;
  let reopened = 0;
  let lock = new BetterSqlite3(file, { timeout: 0 });
  try {
    await untilDone(
      async () => {
        try {
          lock.exec('BEGIN EXCLUSIVE');
          return true;
        } catch (error) {
          if (!/^SQLITE_IOERR|^SQLITE_CANTOPEN/.test((error as { code?: string }).code ?? '') || reopened++ >= REOPENED_MAX) throw error;
          // The previous holder has removed the file, so it is created again.
          lock.close();
          lock = new BetterSqlite3(file, { timeout: 0 });
          return undefined;
        }
      },
      isBusy,
      () => say(`another process is migrating ${database}: waiting until it finishes or fails`),
    );
  } catch (error) {
    lock.close();
    throw error;
  }
  return async () => {
    // Processes that waited for the removed file check for pending migrations first, and find none.
    rmSync(file, { force: true });
    lock.close();
    await Promise.resolve();
  };
}

/** @see migrateUnderLock */
async function lockRow(dataSource: DataSource, say: (line: string) => void): Promise<() => Promise<void>> {
  await untilDone(
    () =>
      dataSource.query(
        'CREATE TABLE IF NOT EXISTS migration_lock (id INT NOT NULL PRIMARY KEY, holder VARCHAR(36) NOT NULL, expires_at BIGINT NOT NULL)',
      ),
    isTransient,
  );
  await insertLockRow(dataSource);
  // This connection stays open and idle while the lock is held.
  const own = dataSource.createQueryRunner();
  await own.connect();
  const server = await serverOf(own);
  const [{ id }] = (await own.query('SELECT CONNECTION_ID() AS id')) as [{ id: number }];
  const holder = `${server}-${id}-${randomBytes(4).toString('hex')}`;
  let waitsFor = '';
  try {
    await untilDone(
      async () => {
        const other = await take(dataSource, holder);
        if (other === holder) return true;
        waitsFor = other;
        if (await isDead(dataSource, server, other))
          await dataSource.query('UPDATE migration_lock SET expires_at = 0 WHERE holder = ?', [other]);
        return undefined;
      },
      isTransient,
      () => say(`another process is migrating the database (table migration_lock, holder ${waitsFor}): waiting until it finishes or fails`),
    );
  } catch (error) {
    await own.release();
    throw error;
  }
  const renewal = setInterval(() => void take(dataSource, holder).catch(() => undefined), RENEW_MS);
  return async () => {
    clearInterval(renewal);
    await dataSource.query('UPDATE migration_lock SET expires_at = 0 WHERE id = 1 AND holder = ?', [holder]);
    await own.release();
  };
}

/** Identifies the server by eight hex digits, because connection ids are unique per server only. */
async function serverOf(runner: QueryRunner): Promise<string> {
  const [row] = (await runner.query('SELECT CONCAT(@@hostname, @@port, @@datadir) AS name')) as { name: string }[];
  return createHash('sha256')
    .update(row?.name ?? '')
    .digest('hex')
    .slice(0, 8);
}

/** Whether the holder's connection to this server is closed and no DDL statement is still running. */
async function isDead(dataSource: DataSource, server: string, holder: string): Promise<boolean> {
  const [, where, id] = /^([0-9a-f]{8})-(\d+)-/.exec(holder) ?? [];
  if (where !== server) return false;
  const running = await dataSource.query<unknown[]>(
    `SELECT id FROM information_schema.PROCESSLIST WHERE id = ? OR (db = DATABASE() AND command = 'Query' AND id <> CONNECTION_ID()
       AND (info LIKE 'ALTER %' OR info LIKE 'CREATE %' OR info LIKE 'DROP %'))`,
    [Number(id)],
  );
  return running.length === 0;
}

async function insertLockRow(dataSource: DataSource): Promise<void> {
  await untilDone(async () => {
    const rows = await dataSource.query<unknown[]>('SELECT id FROM migration_lock WHERE id = 1');
    // Two processes may insert at the same time. The error of the second one means that the row exists.
    if (rows.length === 0)
      await dataSource.query("INSERT INTO migration_lock (id, holder, expires_at) VALUES (1, '', 0)").catch(() => undefined);
    return rows.length > 0 ? true : undefined;
  }, isTransient);
}

/** @returns the current holder */
async function take(dataSource: DataSource, holder: string): Promise<string> {
  const now = new Date().getTime();
  await dataSource.query('UPDATE migration_lock SET holder = ?, expires_at = ? WHERE id = 1 AND (holder = ? OR expires_at < ?)', [
    holder,
    now + LEASE_MS,
    holder,
    now,
  ]);
  const [row] = await dataSource.query<{ holder: string }[]>('SELECT holder FROM migration_lock WHERE id = 1');
  return row?.holder ?? '';
}

/** Polls while another process holds the lock, which is the file or the row. */
async function untilDone<T>(
  ask: () => Promise<T | undefined>,
  passes: (error: unknown) => boolean,
  report: () => void = () => undefined,
): Promise<void> {
  const began = performance.now();
  for (let reported = false; ; ) {
    try {
      if ((await ask()) !== undefined) return;
    } catch (error) {
      if (!passes(error)) throw error;
    }
    const waited = performance.now() - began;
    if (waited > WAIT_MS) throw new Error('another process has held the migration lock for two minutes');
    if (!reported && waited > REPORT_AFTER_MS) {
      report();
      reported = true;
    }
    await delay(POLL_MS);
  }
}
