import { createSecretKey, randomBytes } from 'node:crypto';
import { type Clock, DAY_MS } from '../common/clock.js';
import type { Database } from '../database/database.js';
import { columnsOf } from '../database/columns.js';
import { ProjectCipher } from './project-cipher.js';
import type { WrappedKey } from './key-provider.js';
import type { KeyProviders } from './key-providers.js';
import { DataKey } from './data-key.entity.js';

const UNIQUE_DATA_KEY = { name: 'PRIMARY', columns: 'data_keys.project_id, data_keys.id' };

/**
 * Maximum number of encryptions with one data key. AES-GCM with random nonces allows 2³² (NIST SP 800-38D §8.3); this is half of it,
 * because the counts may be too low.
 */
const SEALS_MAX = 2 ** 31;
const AGE_MAX_MS = 365 * DAY_MS;

/**
 * Maximum lifetime of values that are encrypted with a data key but are not stored in the database: security tokens of temporary access
 * keys.
 */
export const SEALED_ELSEWHERE_MAX_MS = DAY_MS;

/** A row of `data_keys`. */
export interface DataKeyRow extends WrappedKey {
  projectId: string;
  id: number;
  createdAt: number;
  seals: number;
}

const DATA_KEY = columnsOf(DataKey).pick('projectId', 'id', 'kekId', 'wrapped', 'createdAt', 'seals');
export const DATA_KEY_COLUMNS = DATA_KEY.select;

/** The context to which a wrapped data key is bound. */
export const wrapContext = (projectId: string, id: number): string[] => ['signet/1', 'data-key', projectId, String(id)];

/** Whether the data key must be replaced: it is one year old, or was used for 2³¹ encryptions. */
export const isDue = ({ createdAt, seals }: Pick<DataKeyRow, 'createdAt' | 'seals'>, now: number): boolean =>
  now - createdAt > AGE_MAX_MS || seals > SEALS_MAX;

/** Loads and unwraps a project's data keys. @returns undefined when the project has none */
export async function loadDataKeys(
  database: Database,
  providers: KeyProviders,
  projectId: string,
): Promise<{ cipher: ProjectCipher; newest: DataKeyRow } | undefined> {
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
  return { cipher: new ProjectCipher(new Map(await Promise.all(keys)), newest.id), newest };
}

/** Creates a data key. @returns false when another process created the same one first; the caller then reads that one */
export async function insertDataKey(
  database: Database,
  providers: KeyProviders,
  clock: Clock,
  projectId: string,
  id: number,
): Promise<boolean> {
  const bytes = randomBytes(32);
  const { kekId, wrapped } = await providers.primary.wrap(bytes, wrapContext(projectId, id)).finally(() => bytes.fill(0));
  const values = () => DATA_KEY.values({ projectId, id, kekId, wrapped, createdAt: clock.now(), seals: 0 });
  return database.insertOnce((tx) => tx.run(DATA_KEY.insert(), values()), UNIQUE_DATA_KEY);
}
