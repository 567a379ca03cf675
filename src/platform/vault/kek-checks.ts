import type { Database } from '../database/database.js';
import { columnsOf, type RowOf } from '../database/columns.js';
import { UnknownKek } from './key-provider.js';
import type { KeyProviders } from './key-providers.js';
import { DecryptionFailed } from './sealed.js';
import { KekCheck } from './data-key.entity.js';

const CHECK = columnsOf(KekCheck).pick('kekId', { wrapped: 'sealed' });

const CANARY = Buffer.from('signet key check', 'utf8');
const UNIQUE_CHECK = { name: 'PRIMARY', columns: 'kek_checks.root_id' };

const canaryContext = (kekId: string) => ['signet/1', 'kek-check', kekId];

/**
 * Checks that each configured key-encryption key decrypts its check value, and adds a check value for the primary key if it has none.
 * @throws Error when the database was encrypted with other keys; ApiFault `unavailable`
 */
export async function checkCanaries(database: Database, providers: KeyProviders): Promise<void> {
  const rows = await database.rows<RowOf<typeof CHECK>>(`SELECT ${CHECK.select} FROM kek_checks`);
  let held = 0;
  for (const row of rows) {
    try {
      await providers.unwrap(row, canaryContext(row.kekId));
      held++;
    } catch (error) {
      if (error instanceof UnknownKek) continue;
      if (!(error instanceof DecryptionFailed)) throw error;
      throw new Error(
        `the key-encryption key ${row.kekId} has other bytes than the key of this name with which the database was encrypted: configure the previous key`,
        { cause: error },
      );
    }
  }
  if (rows.length > 0 && held === 0) {
    const ids = rows.map(({ kekId }) => kekId).join(', ');
    throw new Error(`this database was encrypted with the key-encryption keys ${ids}, and the keyring contains none of them`);
  }
  if (!rows.some((row) => !providers.stale(row))) await addCanary(database, providers);
}

async function addCanary(database: Database, providers: KeyProviders): Promise<void> {
  // The context of the check value names the key, and only wrapping reveals which key that is.
  const { kekId } = await providers.primary.wrap(CANARY, canaryContext(''));
  const { kekId: again, wrapped } = await providers.primary.wrap(CANARY, canaryContext(kekId));
  if (again !== kekId) return addCanary(database, providers);
  const inserted = await database.insertOnce((tx) => tx.run(CHECK.insert(), CHECK.values({ kekId, wrapped })), UNIQUE_CHECK);
  if (!inserted) await checkCanaries(database, providers);
}

/** Returns the key-encryption keys in use that no configured provider has. */
export async function missingKeks(database: Database, providers: KeyProviders): Promise<{ kekId: string; dataKeys: number }[]> {
  const sql = 'SELECT root_id AS kekId, COUNT(*) AS dataKeys FROM data_keys GROUP BY root_id ORDER BY root_id';
  const used = await database.rows<{ kekId: string; dataKeys: number }>(sql);
  return used.filter(({ kekId }) => !providers.of(kekId));
}

/**
 * Refuses the start, because requests of some projects would fail otherwise. @throws Error when a key was removed from the keyring too
 * early
 */
export async function assertAllHeld(database: Database, providers: KeyProviders): Promise<void> {
  const missing = await missingKeks(database, providers);
  if (missing.length === 0) return;
  const list = missing.map(({ kekId, dataKeys }) => `${kekId} (${dataKeys} data key${dataKeys === 1 ? '' : 's'})`).join(', ');
  throw new Error(
    `missing key-encryption keys that still wrap data keys: ${list}. Add them to the keyring again and run signet admin rewrap. Remove a key only when signet admin kek status shows it as removable.`,
  );
}
