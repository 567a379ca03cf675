import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { DataSource } from 'typeorm';
import { isTransient } from './errors.js';

const LEASE_MS = 30_000;
const RENEW_MS = 10_000;
const POLL_MS = 50;
const WAIT_MS = 120_000;

/**
 * Runs the pending migrations, once, however many processes start at the same moment. The lock is a row with a lease and
 * not GET_LOCK, which is local to one node of a Galera cluster; a process that dies loses the lease.
 * @throws Error when another process holds the lock for longer than two minutes
 */
export async function migrateUnderLock(dataSource: DataSource): Promise<void> {
  const holder = randomUUID();
  await untilDone(() =>
    dataSource.query(
      'CREATE TABLE IF NOT EXISTS migration_lock (id INT NOT NULL PRIMARY KEY, holder VARCHAR(36) NOT NULL, expires_at BIGINT NOT NULL)',
    ),
  );
  await insertLockRow(dataSource);
  await untilDone(async () => ((await take(dataSource, holder)) ? true : undefined));
  const renewal = setInterval(() => void take(dataSource, holder).catch(() => undefined), RENEW_MS);
  try {
    await dataSource.runMigrations({ transaction: 'each' });
  } finally {
    clearInterval(renewal);
    await dataSource.query('UPDATE migration_lock SET expires_at = 0 WHERE id = 1 AND holder = ?', [holder]);
  }
}

async function insertLockRow(dataSource: DataSource): Promise<void> {
  await untilDone(async () => {
    const rows = await dataSource.query<unknown[]>('SELECT id FROM migration_lock WHERE id = 1');
    // Two processes may insert at once; the loser's error is the proof that the row is there.
    if (rows.length === 0)
      await dataSource.query("INSERT INTO migration_lock (id, holder, expires_at) VALUES (1, '', 0)").catch(() => undefined);
    return rows.length > 0 ? true : undefined;
  });
}

async function take(dataSource: DataSource, holder: string): Promise<boolean> {
  const now = new Date().getTime();
  await dataSource.query('UPDATE migration_lock SET holder = ?, expires_at = ? WHERE id = 1 AND (holder = ? OR expires_at < ?)', [
    holder,
    now + LEASE_MS,
    holder,
    now,
  ]);
  const [row] = await dataSource.query<{ holder: string }[]>('SELECT holder FROM migration_lock WHERE id = 1');
  return row?.holder === holder;
}

/** Asks again until there is an answer: another process may hold the lock, the file or the row. */
async function untilDone<T>(ask: () => Promise<T | undefined>): Promise<void> {
  const end = new Date().getTime() + WAIT_MS;
  for (;;) {
    try {
      if ((await ask()) !== undefined) return;
    } catch (error) {
      if (!isTransient(error)) throw error;
    }
    if (new Date().getTime() > end)
      throw new Error('another process has held the migration lock for two minutes: see table migration_lock');
    await delay(POLL_MS);
  }
}
