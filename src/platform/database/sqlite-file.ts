import { randomInt } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { dirname } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import { newId } from '../common/ids.js';
import { migrations } from './migrations/migrations.js';

const MIB = 1024 * 1024;
/** Larger files are not checked before a start, because the check would take too long. */
const CHECKED_MAX_BYTES = 512 * MIB;
/** Offset of a database file's `application_id`, used here as a random database id (SQLite file format §1.3). */
const ID_OFFSET = 68;
const WAL_HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;

const logOf = (file: string) => `${file}-wal`;
const sizeOf = (file: string) => (existsSync(file) ? statSync(file).size : 0);

/**
 * Checks the database file and its write-ahead log before the first write, because SQLite replays a log over whatever file is beside it.
 * @throws Error with advice for the operator when the two do not belong together or are damaged. Nothing was changed then
 */
export function assertIntact(file: string): void {
  const [bytes, logBytes] = [sizeOf(file), sizeOf(logOf(file))];
  if (bytes === 0) return;
  const advice = 'Nothing was changed. To restore a backup, run: signet admin restore FILE';
  if (logBytes > 0 && isForeignLog(file))
    throw new Error(`${logOf(file)} is not the log of the database ${file}: one of them was copied here without the other. ${advice}`);
  if (bytes > CHECKED_MAX_BYTES) return;
  const found = pageErrors(file, logBytes > 0 ? 'integrity_check' : 'quick_check');
  if (found === undefined) return;
  throw new Error(
    logBytes > 0
      ? `${file} and ${logOf(file)} do not belong together (${found}): probably a copy of the database was placed beside an older log. ${advice}`
      : `${file} is damaged (${found}). ${advice}`,
  );
}

/** Opens the file read-only, so that closing it does not checkpoint the log. */
function pageErrors(file: string, check: 'integrity_check' | 'quick_check'): string | undefined {
  let connection: BetterSqlite3.Database | undefined;
  try {
    connection = new BetterSqlite3(file, { readonly: true, timeout: 5000 });
    const found = connection.pragma(`${check}(1)`, { simple: true }) as string;
    return found === 'ok' ? undefined : found.replaceAll('\n', ' ');
  } catch (error) {
    const { code, message } = error as Error & { code?: string };
    // Another process uses the file, and has checked it when it opened it.
    if (code?.startsWith('SQLITE_BUSY')) return undefined;
    if (code?.startsWith('SQLITE_CORRUPT') || code === 'SQLITE_NOTADB') return message;
    throw error;
  } finally {
    connection?.close();
  }
}

/** Whether the log contains a first page with the id of another database; false if the log contains no first page. */
function isForeignLog(file: string): boolean {
  const own = idIn(read(file, 0, ID_OFFSET + 4), 0);
  if (own === 0) return false;
  const log = readFileSync(logOf(file));
  if (log.length < WAL_HEADER_BYTES) return false;
  const pageBytes = log.readUInt32BE(8);
  const salts = log.subarray(16, 24);
  for (
    let at = WAL_HEADER_BYTES;
    pageBytes > 0 && at + FRAME_HEADER_BYTES + pageBytes <= log.length;
    at += FRAME_HEADER_BYTES + pageBytes
  ) {
    // Frames with other salts remain from an earlier log.
    if (!log.subarray(at + 8, at + 16).equals(salts)) return false;
    if (log.readUInt32BE(at) === 1 && idIn(log, at + FRAME_HEADER_BYTES) !== own) return true;
  }
  return false;
}

const idIn = (page: Buffer, start: number) => (page.length >= start + ID_OFFSET + 4 ? page.readInt32BE(start + ID_OFFSET) : 0);

function read(file: string, from: number, bytes: number): Buffer {
  const handle = openSync(file, 'r');
  try {
    const buffer = Buffer.alloc(bytes);
    return buffer.subarray(0, readSync(handle, buffer, 0, bytes, from));
  } finally {
    closeSync(handle);
  }
}

/** Gives a new database a random id. */
export function identify(connection: BetterSqlite3.Database, anew = false): void {
  if (anew || connection.pragma('application_id', { simple: true }) === 0)
    connection.pragma(`application_id = ${randomInt(1, 2 ** 31 - 1)}`);
}

/**
 * Copies a consistent snapshot of the database to a file that only its owner may read.
 * @throws Error with advice for the operator when there is no database, or when `target` exists
 */
export function backUp(file: string, target: string): void {
  if (sizeOf(file) === 0) throw new Error(`there is no database ${file}`);
  if (existsSync(target)) throw new Error(`${target} already exists: choose another name, because a backup does not overwrite files`);
  const draft = `${target}.${newId()}`;
  try {
    closeSync(openSync(draft, 'wx', 0o600));
    const connection = new BetterSqlite3(file, { readonly: true, timeout: 5000 });
    try {
      connection.prepare('VACUUM INTO ?').run(draft);
    } finally {
      connection.close();
    }
    const copy = new BetterSqlite3(draft);
    // The copy gets a new id, so that the log of the source does not match it.
    identify(copy, true);
    copy.close();
    sync(draft);
    // `link` does not overwrite a file; `rename` would.
    linkSync(draft, target);
    sync(dirname(target));
  } finally {
    for (const ending of ['', '-journal', '-wal', '-shm']) rmSync(draft + ending, { force: true });
  }
}

/**
 * Replaces the database by a backup, keeps the previous one beside it under another name, and marks the database as restored. The next
 * process that opens it refuses all writes until an operator decides (src/platform/recovery).
 * @returns path of the previous database; undefined: there was none
 * @throws Error with advice for the operator when the backup is damaged or from a newer version, or when a process has the database open.
 * Nothing was changed then
 */
export function restoreBackup(source: string, file: string): string | undefined {
  if (sizeOf(source) === 0) throw new Error(`there is no backup ${source}`);
  if (sizeOf(logOf(source)) > 0)
    throw new Error(
      `${source} has a log beside it (${logOf(source)}), so it was in use when it was copied. To make a backup, run: signet admin backup FILE`,
    );
  const found = pageErrors(source, 'integrity_check');
  if (found !== undefined) throw new Error(`${source} is damaged or is not a database (${found})`);
  assertNotInUse(file);

  const draft = `${file}.${newId()}`;
  copyFileSync(source, draft);
  chmodSync(draft, 0o600);
  let previous: string | undefined;
  try {
    const copy = new BetterSqlite3(draft);
    try {
      assertKnown(source, (sql) => copy.prepare(sql).all());
      identify(copy, true);
      markRestored(copy);
    } finally {
      copy.close();
    }
    sync(draft);
    if (existsSync(file)) {
      previous = `${file}.before-${new Date().toISOString().replaceAll(/[-:]|\.\d+/g, '')}`;
      for (const ending of ['-wal', '']) if (existsSync(file + ending)) renameSync(file + ending, previous + ending);
    }
    for (const ending of ['-wal', '-shm']) rmSync(file + ending, { force: true });
    renameSync(draft, file);
    sync(dirname(file));
  } finally {
    for (const ending of ['', '-journal', '-wal', '-shm']) rmSync(draft + ending, { force: true });
  }
  return previous;
}

/** @throws Error with advice for the operator when a newer version has changed the database, or when it is not a database of Signet */
function assertKnown(source: string, all: (sql: string) => unknown[]): void {
  const [table] = all("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'migrations'");
  if (!table) throw new Error(`${source} is not a Signet database`);
  assertKnownMigrations((all('SELECT name FROM migrations') as { name: string }[]).map(({ name }) => name));
}

/** @throws Error with advice for the operator when this version does not know the migrations: newer ones, or those from before 0.2.0 */
export function assertKnownMigrations(done: readonly string[]): void {
  const known = new Set(migrations.map(({ name }) => name));
  const unknown = done.filter((name) => !known.has(name));
  const first = migrations[0]!.name;
  if (unknown.some((name) => instantOf(name) < instantOf(first)))
    throw new Error(
      'the database was created by Signet before 0.2.0, whose schema this version cannot migrate: keep the database for that version, start this version on an empty database (another SIGNET_DATA_DIR or DATABASE_URL), and create the signature keys there again with the same keys and secrets',
    );
  if (unknown.length > 0)
    throw new Error(`the database was created by a newer version of Signet (${unknown.join(', ')}): run that version, or restore a backup`);
}

/** The time at which a migration was written: the number in its name. */
const instantOf = (name: string) => Number(/\d+$/.exec(name)?.[0] ?? 0);

/** Checks that no process uses the file: leaving WAL mode requires exclusive access. */
function assertNotInUse(file: string): void {
  if (sizeOf(file) === 0) return;
  let connection: BetterSqlite3.Database | undefined;
  try {
    // A damaged file is not opened, because opening could replay a log of another database into it.
    if (pageErrors(file, 'quick_check') !== undefined) return;
    connection = new BetterSqlite3(file, { timeout: 0 });
    connection.pragma('journal_mode = DELETE');
  } catch (error) {
    if (!(error as { code?: string }).code?.startsWith('SQLITE_BUSY')) return;
    throw new Error(`a process has ${file} open: stop all processes before you restore a backup`, { cause: error });
  } finally {
    connection?.close();
  }
}

/** Marks the database as restored. Older databases lack the column; their restore is detected by the pulse file of a control plane. */
function markRestored(connection: BetterSqlite3.Database): void {
  const columns = connection.pragma('table_info(database_epoch)') as { name: string }[];
  if (columns.some(({ name }) => name === 'put_back')) connection.prepare('UPDATE database_epoch SET put_back = 1').run();
}

function sync(path: string): void {
  const handle = openSync(path, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
