import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import { createConnection } from 'mysql2/promise';
import { createEmptyDatabase, type TestDatabase } from './databases.js';
import { statementsOf } from './migrated.js';

/** One folder for each release: its databases as SQL, their key-encryption keys, and recorded answers of that release. */
const RELEASES = join(import.meta.dirname, '..', 'releases');
/** The name of the file in the data folder of a service, which nobody commits by accident. */
const KEK = 'kek';
/** The name of the file here. The key protects nothing but the content of these databases. */
const KEPT_KEK = 'key-encryption-keys.txt';

type Engine = TestDatabase['name'];

/** The versions with a stored database. */
export const releases = (): string[] => (existsSync(RELEASES) ? readdirSync(RELEASES).sort() : []);

/** A new database with the content of a release's database. `facts` are those passed to {@link keepRelease}. */
export async function releasedDatabase<T>(version: string, engine: Engine): Promise<{ test: TestDatabase; facts: T }> {
  const folder = join(RELEASES, version, engine);
  const test = await createEmptyDatabase(engine);
  copyFileSync(join(folder, KEPT_KEK), join(test.dataDir, KEK));
  chmodSync(join(test.dataDir, KEK), 0o600);
  const statements = JSON.parse(readFileSync(join(folder, 'statements.json'), 'utf8')) as string[];
  if (engine === 'sqlite') {
    const connection = new BetterSqlite3(join(test.dataDir, 'signet.db'));
    for (const statement of statements) connection.exec(statement);
    connection.close();
  } else {
    const connection = await createConnection({ uri: test.env['DATABASE_URL']! });
    try {
      for (const statement of ['SET FOREIGN_KEY_CHECKS = 0', ...statements]) await connection.query(statement);
    } finally {
      await connection.end();
    }
  }
  return { test, facts: JSON.parse(readFileSync(join(folder, 'facts.json'), 'utf8')) as T };
}

/** Stores the database of a stopped service as that of a release. */
export async function keepRelease(version: string, test: TestDatabase, facts: object): Promise<void> {
  const folder = join(RELEASES, version, test.name);
  mkdirSync(folder, { recursive: true });
  copyFileSync(join(test.dataDir, KEK), join(folder, KEPT_KEK));
  const statements = test.name === 'sqlite' ? statementsOfSqlite(test.dataDir) : await statementsOfMariadb(test.env['DATABASE_URL']!);
  for (const [file, content] of Object.entries({ 'statements.json': statements, 'facts.json': facts }))
    writeFileSync(join(folder, file), `${JSON.stringify(content, null, 2)}\n`);
}

function statementsOfSqlite(dataDir: string): string[] {
  const connection = new BetterSqlite3(join(dataDir, 'signet.db'), { readonly: true });
  const made = connection
    .prepare("SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY rowid")
    .all() as { type: string; name: string; sql: string }[];
  const of = (tables: boolean) => made.filter(({ type }) => (type === 'table') === tables);
  const rows = of(true).flatMap(({ name }) => {
    const columns = connection.pragma(`table_info("${name}")`) as { name: string }[];
    const values = columns.map((column) => `quote("${column.name}")`).join(` || ', ' || `);
    return (connection.prepare(`SELECT ${values} AS row FROM "${name}"`).all() as { row: string }[]).map(
      ({ row }) => `INSERT INTO "${name}" VALUES (${row})`,
    );
  });
  connection.close();
  return [...of(true).map(({ sql }) => sql), ...rows, ...of(false).map(({ sql }) => sql)];
}

async function statementsOfMariadb(url: string): Promise<string[]> {
  const connection = await createConnection({ uri: url, jsonStrings: true, supportBigNumbers: true, bigNumberStrings: true });
  try {
    const { collation, statements } = await statementsOf(connection, new URL(url).pathname.slice(1));
    return [`ALTER DATABASE CHARACTER SET utf8mb4 COLLATE ${collation}`, ...statements];
  } finally {
    await connection.end();
  }
}
