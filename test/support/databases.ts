import { describe } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createConnection } from 'mysql2/promise';

/** Where a MariaDB for tests is; a database of its own is made there for each suite and dropped afterwards. */
const MARIADB_URL = process.env['TEST_MARIADB_URL'] ?? 'mysql://root@127.0.0.1:3306';

export interface TestDatabase {
  name: 'sqlite' | 'mariadb';
  /** The part of the environment that makes a service use this database. */
  env: Record<string, string>;
  dataDir: string;
  drop(): Promise<void>;
}

export async function createTestDatabase(name: 'sqlite' | 'mariadb'): Promise<TestDatabase> {
  const dataDir = mkdtempSync(join(tmpdir(), 'signet-test-'));
  const removeDir = () => rmSync(dataDir, { recursive: true, force: true });
  // Many services run side by side in tests, and the embedded gateway's ports are fixed.
  const env = { SIGNET_DATA_DIR: dataDir, SIGNET_EMBEDDED_GATEWAY: 'off' };
  if (name === 'sqlite') return { name, dataDir, env, drop: async () => removeDir() };
  const schema = `signet_test_${randomBytes(6).toString('hex')}`;
  await admin(`CREATE DATABASE ${schema}`);
  return {
    name,
    dataDir,
    env: { ...env, DATABASE_URL: new URL(`/${schema}`, MARIADB_URL).href },
    drop: async () => {
      await admin(`DROP DATABASE ${schema}`);
      removeDir();
    },
  };
}

async function admin(sql: string): Promise<void> {
  const connection = await createConnection({ uri: MARIADB_URL, connectTimeout: 3000 });
  try {
    await connection.query(sql);
  } finally {
    await connection.end();
  }
}

const reachable = await admin('SELECT 1').then(
  () => true,
  () => false,
);
if (!reachable && process.env['CI']) throw new Error(`no MariaDB at ${MARIADB_URL}: CI runs every test on both databases`);

/**
 * The same suite on both databases. On a machine without MariaDB its half is skipped, and says so; CI never skips.
 */
export function onBothDatabases(suite: (name: 'sqlite' | 'mariadb') => void): void {
  describe('on SQLite', () => suite('sqlite'));
  if (reachable) describe('on MariaDB', () => suite('mariadb'));
  else describe.skip('on MariaDB (no server at TEST_MARIADB_URL)', () => suite('mariadb'));
}

/** A suite about what only a database server has. */
export const onMariadb = (suite: () => void): void =>
  reachable ? describe('on MariaDB', suite) : describe.skip('on MariaDB (no server at TEST_MARIADB_URL)', suite);
