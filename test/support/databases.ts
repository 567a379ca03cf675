import { describe } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Connection, createConnection } from 'mysql2/promise';
import { migratedMariadb, migratedSqlite } from './migrated.js';

/** URL of a MariaDB for tests. Each suite creates its own database there and drops it afterwards. */
const MARIADB_URL = process.env['TEST_MARIADB_URL'] ?? 'mysql://root@127.0.0.1:3306';

/** A server that does not answer is noticed soon; where there must be one, a busy machine has all the time. */
const CONNECT_MS = process.env['CI'] ? 120_000 : 3000;

export interface TestDatabase {
  name: 'sqlite' | 'mariadb';
  /** The environment variables with which a service uses this database. */
  env: Record<string, string>;
  dataDir: string;
  drop(): Promise<void>;
}

/** A migrated database on which no service has run. */
export async function createTestDatabase(name: 'sqlite' | 'mariadb'): Promise<TestDatabase> {
  const database = await createEmptyDatabase(name);
  if (name === 'sqlite') await migratedSqlite(database.dataDir);
  else await withServer((server) => migratedMariadb(server, databaseUrl, database.schema));
  return database;
}

/** An empty database, for suites about the first start and about migrations. */
export async function createEmptyDatabase(name: 'sqlite' | 'mariadb'): Promise<TestDatabase & { schema: string }> {
  const dataDir = mkdtempSync(join(tmpdir(), 'signet-test-'));
  const removeDir = () => rmSync(dataDir, { recursive: true, force: true });
  // Many services run side by side in tests, and the embedded gateway's ports are fixed.
  const env = { SIGNET_DATA_DIR: dataDir, SIGNET_EMBEDDED_GATEWAY: 'off' };
  const schema = `signet_test_${randomBytes(6).toString('hex')}`;
  if (name === 'sqlite') return { name, schema, dataDir, env, drop: async () => removeDir() };
  await admin(`CREATE DATABASE ${schema}`);
  return {
    name,
    schema,
    dataDir,
    env: { ...env, DATABASE_URL: databaseUrl(schema) },
    drop: async () => {
      await admin(`DROP DATABASE ${schema}`);
      removeDir();
    },
  };
}

const databaseUrl = (schema: string) => new URL(`/${schema}`, MARIADB_URL).href;

const admin = (sql: string) => withServer((server) => server.query(sql));

async function withServer(use: (server: Connection) => Promise<unknown>): Promise<void> {
  const server = await createConnection({ uri: MARIADB_URL, connectTimeout: CONNECT_MS });
  try {
    await use(server);
  } finally {
    await server.end();
  }
}

const reachable = await admin('SELECT 1').then(
  () => true,
  () => false,
);
if (!reachable && process.env['CI']) throw new Error(`no MariaDB at ${MARIADB_URL}: CI runs every test on both databases`);

/** Runs a suite on both databases. Without MariaDB, its half is skipped with a message. CI never skips it. */
export function onBothDatabases(suite: (name: 'sqlite' | 'mariadb') => void): void {
  describe('on SQLite', () => suite('sqlite'));
  if (reachable) describe('on MariaDB', () => suite('mariadb'));
  else describe.skip('on MariaDB (no server at TEST_MARIADB_URL)', () => suite('mariadb'));
}

/** A suite for a database server only. */
export const onMariadb = (suite: () => void): void =>
  reachable ? describe('on MariaDB', suite) : describe.skip('on MariaDB (no server at TEST_MARIADB_URL)', suite);
