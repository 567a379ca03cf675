import type { Tx } from '../../src/platform/database/database.js';

/** A revision with 5,000 pointers, half a megabyte as an event, like a write of many rows. */
export async function largeRevision(tx: Tx, instance: string, revision: number): Promise<void> {
  await tx.run('UPDATE change_counters SET revision = ? WHERE scope_id = ?', [revision, instance]);
  const numbers = 'SELECT a.i + 10 * b.i + 100 * c.i + 1000 * d.i AS n FROM digits a, digits b, digits c, digits d';
  const digits = Array.from({ length: 10 }, (_, i) => `SELECT ${i} AS i`).join(' UNION ALL ');
  await tx.run(
    `INSERT INTO changes (scope_id, revision, ordinal, kind, target_id, op, write_id, created_at)
     WITH digits AS (${digits}), numbers AS (${numbers}) SELECT ?, ?, n, 'publication', '0123456789abcdef0123456789abcdef', 'updated', 'w', 0
     FROM numbers WHERE n < 5000`,
    [instance, revision],
  );
}
