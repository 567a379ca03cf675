import { createConnection } from 'mysql2/promise';
import { DataSource, type DataSourceOptions } from 'typeorm';
import { type Config, inDataDir } from '../config/config.js';
import type { Database } from './database.js';
import { migrateUnderLock } from './migrate.js';
import { migrations } from './migrations/migrations.js';
import { MariadbDatabase } from './mariadb.js';
import { prepareSqlite, SqliteDatabase } from './sqlite.js';

/** Every table the service has; the list stands in entities.ts at the top, which nothing below may import. */
export type Entities = NonNullable<DataSourceOptions['entities']>;

/** Name of the embedded database's file in the data folder. */
export const SQLITE_FILE = 'signet.db';

/**
 * Opens the database, brings its schema up to date and checks what the promises rest on: durable commits on SQLite,
 * names that differ by case or a trailing space on MariaDB and MySQL.
 * @throws Error in the operator's words when the database cannot be used
 */
export async function openDatabase(config: Config, entities: Entities): Promise<Database> {
  return prepareDatabase(await new DataSource(await dataSourceOptions(config, entities)).initialize());
}

/** The second half of {@link openDatabase}, for a data source that is initialised already. */
export async function prepareDatabase(dataSource: DataSource): Promise<Database> {
  const database = dataSource.options.type === 'better-sqlite3' ? new SqliteDatabase(dataSource) : await MariadbDatabase.of(dataSource);
  try {
    if (database.engine === 'mariadb') await setDefaultCollation(dataSource);
    await migrateUnderLock(dataSource);
    if (database.engine === 'mariadb') await assertCollation(dataSource);
  } catch (error) {
    await database.close();
    throw error;
  }
  return database;
}

export async function dataSourceOptions(config: Config, entities: Entities): Promise<DataSourceOptions> {
  const common = {
    entities,
    migrations,
    migrationsRun: false,
    migrationsTransactionMode: 'each' as const,
    synchronize: false,
    logging: false as const,
  };
  if (!config.databaseUrl) {
    return { ...common, type: 'better-sqlite3', database: inDataDir(config, SQLITE_FILE), timeout: 5000, prepareDatabase: prepareSqlite };
  }
  const url = config.databaseUrl.reveal();
  return {
    ...common,
    type: await serverKind(url),
    url: url.replace(/^mariadb:/, 'mysql:'),
    charset: 'utf8mb4_bin',
    timezone: 'Z',
    supportBigNumbers: true,
    // Counters and epoch milliseconds stay far below 2^53.
    bigNumberStrings: false,
    poolSize: config.databasePoolSize,
    extra: { maxPreparedStatements: 200, enableKeepAlive: true, connectTimeout: 5000 },
  };
}

/** TypeORM sees drift where there is none when it takes a MariaDB for a MySQL. */
async function serverKind(url: string): Promise<'mariadb' | 'mysql'> {
  const connection = await createConnection({ uri: url.replace(/^mariadb:/, 'mysql:'), connectTimeout: 5000 });
  try {
    const [rows] = await connection.query('SELECT VERSION() AS version');
    return (rows as { version: string }[])[0]?.version.includes('MariaDB') ? 'mariadb' : 'mysql';
  } finally {
    await connection.end();
  }
}

/** The contract's names are compared byte by byte: case and trailing spaces count. */
const COLLATION = { mariadb: 'utf8mb4_nopad_bin', mysql: 'utf8mb4_0900_bin' };

const collationFor = (dataSource: DataSource) => COLLATION[dataSource.options.type === 'mysql' ? 'mysql' : 'mariadb'];

async function setDefaultCollation(dataSource: DataSource): Promise<void> {
  const wanted = collationFor(dataSource);
  const [row] = await dataSource.query<{ name: string; collation: string }[]>(
    'SELECT DATABASE() AS name, @@collation_database AS collation',
  );
  if (!row || row.collation === wanted) return;
  // Only the default of tables yet to be made changes; tables of another collation are refused below.
  await dataSource.query(`ALTER DATABASE \`${row.name.replaceAll('`', '``')}\` CHARACTER SET utf8mb4 COLLATE ${wanted}`);
}

async function assertCollation(dataSource: DataSource): Promise<void> {
  const wanted = collationFor(dataSource);
  const tables = [...dataSource.entityMetadatas.map(({ tableName }) => tableName)];
  const wrong = await dataSource.query<{ name: string }[]>(
    `SELECT DISTINCT CONCAT(TABLE_NAME, '.', COLUMN_NAME, ' (', COLLATION_NAME, ')') AS name FROM information_schema.COLUMNS
     WHERE TABLE_SCHEMA = DATABASE() AND COLLATION_NAME IS NOT NULL AND COLLATION_NAME <> ? AND TABLE_NAME IN (${tables.map(() => '?').join(', ')})
       AND NOT (COLLATION_NAME = 'utf8mb4_bin' AND DATA_TYPE = 'longtext')`,
    [wanted, ...tables],
  );
  if (wrong.length > 0) throw new Error(`these columns must have the collation ${wanted}: ${wrong.map(({ name }) => name).join(', ')}`);
}
