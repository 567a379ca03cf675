import type { Database } from '../database/database.js';
import { RootKeyUnknown } from './key-provider.js';
import type { KeyProviders } from './key-providers.js';
import { SealBroken } from './sealed.js';

const CANARY = Buffer.from('signet key check', 'utf8');
const UNIQUE_CHECK = { name: 'PRIMARY', columns: 'kek_checks.root_id' };

const canaryContext = (rootId: string) => ['signet/1', 'kek-check', rootId];

/**
 * The canary of every key-encryption key that is held opens, and the database knows the one that wraps.
 * @throws Error when the database was sealed with other keys; Fault `unavailable`
 */
export async function checkCanaries(database: Database, providers: KeyProviders): Promise<void> {
  const rows = await database.rows<{ rootId: string; wrapped: string }>('SELECT root_id AS rootId, sealed AS wrapped FROM kek_checks');
  let held = 0;
  for (const row of rows) {
    try {
      await providers.unwrap(row, canaryContext(row.rootId));
      held++;
    } catch (error) {
      if (error instanceof RootKeyUnknown) continue;
      if (!(error instanceof SealBroken)) throw error;
      throw new Error(`the key-encryption key ${row.rootId} is not the one this database was sealed with`, { cause: error });
    }
  }
  if (rows.length > 0 && held === 0) {
    const ids = rows.map(({ rootId }) => rootId).join(', ');
    throw new Error(`this database was sealed with the key-encryption keys ${ids}, and the ring holds none of them`);
  }
  if (!rows.some((row) => !providers.stale(row))) await addCanary(database, providers);
}

async function addCanary(database: Database, providers: KeyProviders): Promise<void> {
  // Its context names its key, and only wrapping tells which key that is.
  const { rootId } = await providers.primary.wrap(CANARY, canaryContext(''));
  const { rootId: again, wrapped } = await providers.primary.wrap(CANARY, canaryContext(rootId));
  if (again !== rootId) return addCanary(database, providers);
  const sql = 'INSERT INTO kek_checks (root_id, sealed) VALUES (?, ?)';
  const inserted = await database.insertOnce((tx) => tx.run(sql, [rootId, wrapped]), UNIQUE_CHECK);
  if (!inserted) await checkCanaries(database, providers);
}

/** Key-encryption keys in use that no provider here holds. */
export async function missingRootKeys(database: Database, providers: KeyProviders): Promise<{ rootId: string; dataKeys: number }[]> {
  const sql = 'SELECT root_id AS rootId, COUNT(*) AS dataKeys FROM data_keys GROUP BY root_id ORDER BY root_id';
  const used = await database.rows<{ rootId: string; dataKeys: number }>(sql);
  return used.filter(({ rootId }) => !providers.of(rootId));
}

/** Better no start than requests that fail for some projects. @throws Error when a key was taken out of the ring too early */
export async function assertAllHeld(database: Database, providers: KeyProviders): Promise<void> {
  const missing = await missingRootKeys(database, providers);
  if (missing.length === 0) return;
  const list = missing.map(({ rootId, dataKeys }) => `${rootId} (${dataKeys} data key${dataKeys === 1 ? '' : 's'})`).join(', ');
  throw new Error(
    `key-encryption keys are missing that still wrap data keys: ${list}. Put them back, run signet rewrap, and take them out when signet kek status says so.`,
  );
}
