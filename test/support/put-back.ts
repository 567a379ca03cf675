import { spawnSync } from 'node:child_process';
import { copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import { backUp } from '../../src/platform/database/sqlite-file.js';
import type { TestDatabase } from './databases.js';

/** The dump has only rows, and no statements that would end the restoring transaction. */
const ROWS = ['--single-transaction', '--no-create-info', '--skip-add-locks', '--skip-disable-keys'];

/** A copy of a database, and ways to restore it other than `signet admin restore`. */
export class Backup {
  private constructor(
    private readonly test: TestDatabase,
    private readonly file: string,
  ) {}

  static of(test: TestDatabase, name: string): Backup {
    const file = join(test.dataDir, name);
    if (test.name === 'mariadb') writeFileSync(file, client('mariadb-dump', test, ROWS));
    else backUp(join(test.dataDir, 'signet.db'), file);
    return new Backup(test, file);
  }

  /** Ids of the keys that nodes have reported as ended since the restore was detected. */
  static named(test: TestDatabase): string[] {
    const sql = 'SELECT sign_id FROM named_tombstones';
    if (test.name === 'mariadb')
      return String(client('mariadb', test, ['-N', '-e', sql]))
        .split('\n')
        .filter(Boolean);
    const database = new BetterSqlite3(join(test.dataDir, 'signet.db'), { readonly: true });
    const ids = database.prepare(sql).pluck().all() as string[];
    database.close();
    return ids;
  }

  /** Restores the database while no process runs. */
  putBack(): void {
    if (this.test.name === 'mariadb') return this.load();
    const database = join(this.test.dataDir, 'signet.db');
    for (const ending of ['-wal', '-shm']) rmSync(database + ending, { force: true });
    copyFileSync(this.file, database);
  }

  /** Restores the database under running processes. */
  async putBackBeneath(): Promise<void> {
    if (this.test.name === 'mariadb') return this.load();
    const database = join(this.test.dataDir, 'signet.db');
    const backup = new BetterSqlite3(this.file, { readonly: true });
    await backup.backup(database);
    backup.close();
    // The log is removed, because a command does not open a log with the first page of another database.
    const written = new BetterSqlite3(database, { timeout: 10_000 });
    while ((written.pragma('wal_checkpoint(TRUNCATE)', { simple: true }) as number) !== 0) await new Promise(setImmediate);
    written.close();
  }

  /** In one transaction, because a concurrent reader would otherwise see tables of both states. */
  private load(): void {
    const tables = String(client('mariadb', this.test, ['-N', '-e', 'SHOW TABLES']))
      .split('\n')
      .filter(Boolean);
    const emptied = tables.map((table) => `DELETE FROM \`${table}\`;\n`).join('');
    const begin = `SET autocommit = 0; SET foreign_key_checks = 0; SET innodb_lock_wait_timeout = 50;\n${emptied}`;
    client('mariadb', this.test, [], Buffer.concat([Buffer.from(begin), readFileSync(this.file), Buffer.from('COMMIT;\n')]));
  }
}

function client(program: string, { env }: TestDatabase, options: string[], input?: Buffer): Buffer {
  const { hostname, port, username, pathname } = new URL(env['DATABASE_URL']!);
  const args = [...options, `--host=${hostname}`, `--port=${port || '3306'}`, `--user=${username}`, '--skip-ssl', pathname.slice(1)];
  const { status, stdout, stderr } = spawnSync(program, args, { ...(input && { input }), maxBuffer: 1e9 });
  if (status !== 0) throw new Error(`${program}: ${String(stderr)}`);
  return stdout;
}
