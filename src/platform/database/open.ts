import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Connection, SslOptions } from 'mysql2/promise';
import { DataSource, type DataSourceOptions } from 'typeorm';
import { type Config, inDataDir } from '../config/config.js';
import type { DatabaseServer, DatabaseTls } from '../config/database-url.js';
import type { Database } from './database.js';
import { migrateUnderLock } from './migrate.js';
import { migrations } from './migrations/migrations.js';
import { MariadbDatabase } from './mariadb.js';
import { prepareSqlite, SqliteDatabase } from './sqlite.js';
import { assertIntact } from './sqlite-file.js';

/** The service's entity classes. The list is in src/entities.ts, which lower modules must not import. */
export type Entities = NonNullable<DataSourceOptions['entities']>;

/** File name of the embedded database in the data folder. */
export const SQLITE_FILE = 'signet.db';

/**
 * Opens the database, migrates it and checks its guarantees: on SQLite, durable commits; on MariaDB and MySQL, that names which differ only
 * by case or a trailing space are different.
 * @throws Error with advice for the operator
 */
export async function openDatabase(config: Config, entities: Entities): Promise<Database> {
  return prepareDatabase(await new DataSource(await dataSourceOptions(config, entities)).initialize(), config);
}

/** Error numbers: access to a database, a table, a command or a privilege was denied. */
const DENIED = new Set([1044, 1142, 1227, 1370]);

/**
 * Checks that the configured database contains an installation. Creates nothing.
 * @throws Error with advice for the operator
 */
export async function assertInstalled({ dataDir, database }: Config): Promise<void> {
  if (!database) {
    const file = join(dataDir, SQLITE_FILE);
    if (existsSync(file)) return;
    throw new Error(
      `there is no installation here: ${file} does not exist. Run the command on the host of the service, with its SIGNET_DATA_DIR or DATABASE_URL. To create a new installation, run signet serve or signet admin migrate.`,
    );
  }
  const connection = await connect(database, tlsOptions(database.tls));
  try {
    const [tables] = await connection.query("SHOW TABLES LIKE 'migrations'");
    if ((tables as unknown[]).length > 0) return;
  } finally {
    await connection.end();
  }
  throw new Error(
    `there is no installation in the database ${database.database} at ${database.host}:${database.port} (DATABASE_URL). To create a new installation, run signet serve or signet admin migrate.`,
  );
}

/** The second part of {@link openDatabase}, for an initialised data source. */
export async function prepareDatabase(dataSource: DataSource, { databaseTimeoutMs }: Config): Promise<Database> {
  const database =
    dataSource.options.type === 'better-sqlite3'
      ? new SqliteDatabase(dataSource, databaseTimeoutMs)
      : await MariadbDatabase.of(dataSource, databaseTimeoutMs);
  try {
    if (database.engine === 'mariadb') await setDefaultCollation(dataSource);
    await migrateUnderLock(dataSource);
    if (database.engine === 'mariadb') await assertCollation(dataSource);
  } catch (error) {
    await database.close();
    const { errno, sqlMessage } = ((error as { driverError?: object }).driverError ?? error) as { errno?: number; sqlMessage?: string };
    if (DENIED.has(errno ?? 0))
      throw new Error(`DATABASE_URL: the user lacks a privilege that migrations require (${sqlMessage ?? String(errno)})`, {
        cause: error,
      });
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
  if (!config.database) {
    const file = inDataDir(config, SQLITE_FILE);
    assertIntact(file);
    const prepare = (connection: Parameters<typeof prepareSqlite>[0]) => prepareSqlite(connection, config.databaseLogMib);
    return { ...common, type: 'better-sqlite3', database: file, timeout: 5000, prepareDatabase: prepare };
  }
  const { host, port, user, password, database } = config.database;
  const ssl = tlsOptions(config.database.tls);
  return {
    ...common,
    type: await serverKind(config.database, ssl),
    host,
    port,
    username: user,
    ...(password && { password: password.reveal() }),
    database,
    ...(ssl && { ssl }),
    charset: 'utf8mb4_bin',
    timezone: 'Z',
    supportBigNumbers: true,
    // Numbers are enough, because counters and epoch milliseconds stay far below 2^53.
    bigNumberStrings: false,
    poolSize: config.databasePoolSize,
    extra: { maxPreparedStatements: 200, enableKeepAlive: true, connectTimeout: CONNECT_MS },
  };
}

const CONNECT_MS = 5000;

/**
 * Converts the TLS options for mysql2, which sets up TLS before it authenticates, so that the connection cannot fall back to plain text.
 */
function tlsOptions(tls: DatabaseTls | undefined): SslOptions | undefined {
  return (
    tls && {
      ...(tls.ca !== undefined && { ca: tls.ca }),
      ...(tls.cert !== undefined && { cert: tls.cert }),
      ...(tls.key && { key: tls.key.reveal() }),
      rejectUnauthorized: tls.mode !== 'REQUIRED',
      verifyIdentity: tls.mode === 'VERIFY_IDENTITY',
    }
  );
}

/** @throws Error with advice for the operator */
async function connect({ host, port, user, password, database }: DatabaseServer, ssl: SslOptions | undefined): Promise<Connection> {
  const named = { host, port, user, database, ...(password && { password: password.reveal() }), ...(ssl && { ssl }) };
  const { createConnection } = await import('mysql2/promise');
  return createConnection({ ...named, connectTimeout: CONNECT_MS }).catch((error: Error & { code?: string }) => {
    throw new Error(
      `DATABASE_URL: cannot connect to the database ${database} at ${host}:${port} (${error.code ?? 'TLS'}: ${error.message})`,
      { cause: error },
    );
  });
}

/**
 * Distinguishes MariaDB from MySQL, because with the wrong kind TypeORM reports differences from the entities that do not exist. @throws as
 * {@link connect}
 */
async function serverKind(server: DatabaseServer, ssl: SslOptions | undefined): Promise<'mariadb' | 'mysql'> {
  const connection = await connect(server, ssl);
  try {
    const [rows] = await connection.query('SELECT VERSION() AS version');
    return (rows as { version: string }[])[0]?.version.includes('MariaDB') ? 'mariadb' : 'mysql';
  } finally {
    await connection.end();
  }
}

/** Collations that compare names byte by byte, so that case and trailing spaces count. */
const COLLATION = { mariadb: 'utf8mb4_nopad_bin', mysql: 'utf8mb4_0900_bin' };

const collationFor = (dataSource: DataSource) => COLLATION[dataSource.options.type === 'mysql' ? 'mysql' : 'mariadb'];

async function setDefaultCollation(dataSource: DataSource): Promise<void> {
  const wanted = collationFor(dataSource);
  const [row] = await dataSource.query<{ name: string; collation: string }[]>(
    'SELECT DATABASE() AS name, @@collation_database AS collation',
  );
  if (!row || row.collation === wanted) return;
  // Changes the default for new tables only. Existing tables with another collation are refused below.
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
