import { createSecretKey, randomBytes } from 'node:crypto';
import type { Clock } from '../common/clock.js';
import type { Database } from '../database/database.js';
import { Box } from './box.js';
import type { WrappedKey } from './key-provider.js';
import type { KeyProviders } from './key-providers.js';

const UNIQUE_DATA_KEY = { name: 'PRIMARY', columns: 'data_keys.project_id, data_keys.id' };

/** AES-GCM with random nonces: half of the 2³² messages that NIST SP 800-38D §8.3 allows a key, since counts may be a little low. */
const SEALS_MAX = 2 ** 31;
const AGE_MAX_MS = 365 * 86_400_000;

/** The longest life of what is sealed with a data key and not in the database: the security token of a temporary access key. */
export const SEALED_ELSEWHERE_MAX_MS = 24 * 3_600_000;

/** A row of `data_keys`. */
export interface DataKeyRow extends WrappedKey {
  projectId: string;
  id: number;
  createdAt: number;
  seals: number;
}

export const DATA_KEY_COLUMNS = 'project_id AS projectId, id, root_id AS rootId, wrapped, created_at AS createdAt, seals';

/** What a wrapped data key is bound to. */
export const wrapContext = (projectId: string, id: number): string[] => ['signet/1', 'data-key', projectId, String(id)];

/** A year old, or used for 2³¹ seals: a new one takes its place. */
export const isDue = ({ createdAt, seals }: Pick<DataKeyRow, 'createdAt' | 'seals'>, now: number): boolean =>
  now - createdAt > AGE_MAX_MS || seals > SEALS_MAX;

/** Reads and unwraps a project's data keys. @returns undefined when it has none */
export async function loadDataKeys(
  database: Database,
  providers: KeyProviders,
  projectId: string,
): Promise<{ box: Box; newest: DataKeyRow } | undefined> {
  const sql = `SELECT ${DATA_KEY_COLUMNS} FROM data_keys WHERE project_id = ? ORDER BY id`;
  const rows = await database.rows<DataKeyRow>(sql, [projectId]);
  const newest = rows.at(-1);
  if (!newest) return undefined;
  const keys = rows.map(async (row) => {
    const bytes = await providers.unwrap(row, wrapContext(projectId, row.id));
    const key = createSecretKey(bytes);
    bytes.fill(0);
    return [row.id, key] as const;
  });
  return { box: new Box(new Map(await Promise.all(keys)), newest.id), newest };
}

/** Makes a data key. Two processes may make the same one at once; whoever is second reads the first one's. */
export async function insertDataKey(
  database: Database,
  providers: KeyProviders,
  clock: Clock,
  projectId: string,
  id: number,
): Promise<boolean> {
  const bytes = randomBytes(32);
  const { rootId, wrapped } = await providers.primary.wrap(bytes, wrapContext(projectId, id)).finally(() => bytes.fill(0));
  const sql = 'INSERT INTO data_keys (project_id, id, root_id, wrapped, created_at, seals) VALUES (?, ?, ?, ?, ?, 0)';
  return database.insertOnce((tx) => tx.run(sql, [projectId, id, rootId, wrapped, clock.now()]), UNIQUE_DATA_KEY);
}
