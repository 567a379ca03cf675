import type { Database } from './database.js';

const UNIQUE_NAME = { name: 'PRIMARY', columns: 'leases.name' };

/**
 * Takes or renews the right to do a task for all processes. It saves work and decides nothing: a process that was held up may
 * still believe in a lease that another has, so what is done under one must be right when it is done twice.
 * @returns whether this process has it now
 */
export async function holdLease(database: Database, name: string, holder: string, now: number, forMs: number): Promise<boolean> {
  const { affected } = await database.transaction((tx) =>
    tx.run('UPDATE leases SET holder = ?, expires_at = ? WHERE name = ? AND (holder = ? OR expires_at < ?)', [
      holder,
      now + forMs,
      name,
      holder,
      now,
    ]),
  );
  if (affected === 1) return true;
  const there = await database.rows('SELECT 1 AS one FROM leases WHERE name = ?', [name]);
  if (there.length > 0) return false;
  return database.insertOnce(
    (tx) => tx.run('INSERT INTO leases (name, holder, expires_at) VALUES (?, ?, ?)', [name, holder, now + forMs]),
    UNIQUE_NAME,
  );
}
