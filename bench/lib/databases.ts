import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import BetterSqlite3 from 'better-sqlite3';
import { createConnection } from 'mysql2/promise';

/** The server on which a database is made for the run and dropped after it. */
const MARIADB_URL = process.env['TEST_MARIADB_URL'] ?? 'mysql://root@127.0.0.1:3306';

export type Engine = 'sqlite' | 'mariadb';

export interface BenchDatabase {
  engine: Engine;
  dataDir: string;
  /** A URL for MariaDB, a file for SQLite. */
  location: string;
  drop(): Promise<void>;
}

/** Statements on a connection of the bench's own, for laying out and clearing away rows. */
export interface Sql {
  run(sql: string, values?: readonly (string | number | null)[]): Promise<void>;
  rows<T>(sql: string, values?: readonly (string | number | null)[]): Promise<T[]>;
  /** Waits up to ten seconds for InnoDB's purge of earlier statements, which would slow down the next measurement. */
  settled(): Promise<void>;
  close(): Promise<void>;
}

/** Length of InnoDB's purge history list; never quite zero. */
const HISTORY_MAX = 20;
const SETTLED_MS = 10_000;

export async function createDatabase(engine: Engine): Promise<BenchDatabase> {
  const dataDir = mkdtempSync(join(tmpdir(), 'signet-bench-'));
  const removeDir = () => rmSync(dataDir, { recursive: true, force: true });
  if (engine === 'sqlite') return { engine, dataDir, location: join(dataDir, 'signet.db'), drop: async () => removeDir() };
  const name = `signet_bench_${randomBytes(6).toString('hex')}`;
  await onServer(`CREATE DATABASE ${name}`);
  return {
    engine,
    dataDir,
    location: new URL(`/${name}`, MARIADB_URL).href,
    drop: async () => {
      await onServer(`DROP DATABASE ${name}`);
      removeDir();
    },
  };
}

async function onServer(sql: string): Promise<void> {
  const connection = await createConnection({ uri: MARIADB_URL, connectTimeout: 3000 });
  try {
    await connection.query(sql);
  } finally {
    await connection.end();
  }
}

export async function openSql({ engine, location }: BenchDatabase): Promise<Sql> {
  if (engine === 'sqlite') {
    const file = new BetterSqlite3(location, { timeout: 10_000 });
    file.pragma('foreign_keys = ON');
    return {
      run: async (sql, values = []) => void file.prepare(sql).run(...values),
      rows: async <T>(sql: string, values: readonly (string | number | null)[] = []) => file.prepare(sql).all(...values) as T[],
      settled: async () => undefined,
      close: async () => void file.close(),
    };
  }
  const server = await createConnection({ uri: location, connectTimeout: 3000 });
  return {
    run: async (sql, values = []) => void (await server.query(sql, [...values])),
    rows: async <T>(sql: string, values: readonly (string | number | null)[] = []) => (await server.query(sql, [...values]))[0] as T[],
    settled: async () => {
      for (const end = performance.now() + SETTLED_MS; performance.now() < end; await delay(50)) {
        const [rows] = await server.query(`SHOW GLOBAL STATUS LIKE 'Innodb_history_list_length'`);
        // MySQL has no such variable.
        if (!(Number((rows as { Value: string }[])[0]?.Value) > HISTORY_MAX)) return;
      }
    },
    close: () => server.end(),
  };
}
