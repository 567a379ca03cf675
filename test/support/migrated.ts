import { randomBytes } from 'node:crypto';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import { type Connection, format, type SqlValue } from 'mysql2/promise';

/**
 * Folder with one migrated database per engine, which a test run copies hundreds of times. Without it, each service migrates its own
 * database.
 */
const FOLDER = process.env['TEST_MIGRATED_FOLDER'];

const SQLITE_FILE = 'signet.db';
const epoch = () => randomBytes(16).toString('hex');
/** Gives each copied database its own epoch. */
const NEW_EPOCH = 'UPDATE database_epoch SET epoch = ?';

/** Copies the migrated SQLite database into a data folder. */
export async function migratedSqlite(dataDir: string): Promise<void> {
  if (FOLDER === undefined) return;
  const file = join(FOLDER, SQLITE_FILE);
  if (!existsSync(file))
    await once(file, async (made) => {
      const folder = mkdtempSync(`${file}-`);
      await migrate({ SIGNET_DATA_DIR: folder });
      renameSync(join(folder, SQLITE_FILE), made);
    });
  copyFileSync(file, join(dataDir, SQLITE_FILE));
  const connection = new BetterSqlite3(join(dataDir, SQLITE_FILE));
  connection.prepare(NEW_EPOCH).run(epoch());
  connection.close();
}

/** Creates the migrated state in an empty MariaDB database. @param server a connection to the server; its database changes */
export async function migratedMariadb(server: Connection, url: (database: string) => string, database: string): Promise<void> {
  if (FOLDER === undefined) return;
  const file = join(FOLDER, 'mariadb.json');
  if (!existsSync(file))
    await once(file, async (made) => {
      const first = `${database}_first`;
      await server.query(`CREATE DATABASE ${first}`);
      try {
        await migrate({ SIGNET_DATA_DIR: FOLDER, DATABASE_URL: url(first) });
        writeFileSync(made, JSON.stringify(await statementsOf(server, first)));
      } finally {
        await server.query(`DROP DATABASE ${first}`);
      }
    });
  const { collation, statements } = JSON.parse(readFileSync(file, 'utf8')) as Migrated;
  await server.query(`ALTER DATABASE ${database} CHARACTER SET utf8mb4 COLLATE ${collation}`);
  await server.query(`USE ${database}`);
  for (const statement of ['SET FOREIGN_KEY_CHECKS = 0', ...statements, 'SET FOREIGN_KEY_CHECKS = 1']) await server.query(statement);
  await server.query(NEW_EPOCH, [epoch()]);
}

interface Migrated {
  collation: string;
  statements: string[];
}

/** The statements that recreate a database: its tables and rows. */
export async function statementsOf(server: Connection, database: string): Promise<Migrated> {
  const ask = async <T>(sql: string) => (await server.query(sql))[0] as T[];
  const statements: string[] = [];
  await server.query(`USE ${database}`);
  for (const table of (await ask<object>('SHOW TABLES')).map((row) => String(Object.values(row)[0]))) {
    const [made] = await ask<{ 'Create Table': string }>(`SHOW CREATE TABLE \`${table}\``);
    statements.push(made!['Create Table']);
    for (const row of await ask<Record<string, SqlValue>>(`SELECT * FROM \`${table}\``))
      statements.push(format(`INSERT INTO \`${table}\` SET ?`, [row]));
  }
  const [{ collation }] = (await ask('SELECT @@collation_database AS collation')) as [{ collation: string }];
  return { collation, statements };
}

/** Several processes of one run may create the file at the same time: each writes its own, and the first one stays. */
async function once(file: string, make: (made: string) => Promise<void>): Promise<void> {
  const made = `${file}.${process.pid}`;
  await make(made);
  renameSync(made, file);
}

async function migrate(env: Record<string, string>): Promise<void> {
  const [{ readConfig }, { openDatabase }, { entities }] = await Promise.all([
    import('../../src/platform/config/config.js'),
    import('../../src/platform/database/open.js'),
    import('../../src/entities.js'),
  ]);
  await (await openDatabase(readConfig(env), entities)).close();
}
