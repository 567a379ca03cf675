import { copyFileSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import BetterSqlite3 from 'better-sqlite3';
import { createEmptyDatabase, type TestDatabase } from '../support/databases.js';
import { ServedProcess, signet } from '../support/process.js';
import type { Client } from '../support/service.js';

/** The epoch of a database, or its application id if it has no epoch yet. */
function epochOf(file: string): unknown {
  const connection = new BetterSqlite3(file);
  const there = connection.prepare("SELECT 1 FROM sqlite_master WHERE name = 'database_epoch'").get();
  const epoch = there ? connection.prepare('SELECT epoch FROM database_epoch').pluck().get() : undefined;
  const id = connection.pragma('application_id', { simple: true });
  connection.close();
  return epoch ?? id;
}

describe('the embedded database', () => {
  let test: TestDatabase;
  let file: string;
  const running: ServedProcess[] = [];
  beforeEach(async () => {
    test = await createEmptyDatabase('sqlite');
    file = join(test.dataDir, 'signet.db');
  });
  afterEach(async () => {
    for (const served of running.splice(0)) await served.stop('SIGKILL');
    await test.drop();
  });

  const serve = async (env = test.env) => {
    const served = await ServedProcess.start(env);
    running.push(served);
    const admin = await served.admin();
    const gateway = (await admin.get('/v2/{project}/apigw/instances')).body.instances[0].id as string;
    return { served, admin, signs: `/v2/{project}/apigw/instances/${gateway}/signs` };
  };
  const create = async (admin: Client, signs: string, name: string) => expect((await admin.post(signs, { name })).status).toBe(201);
  const names = async (admin: Client, signs: string) =>
    ((await admin.get(`${signs}?limit=500`)).body.signs as { name: string }[]).map(({ name }) => name).sort();
  /** The output of a start that is refused. */
  const refusal = async (env = test.env) => {
    const { code, stderr } = await signet(['admin', 'migrate'], env);
    expect(code).toBe(1);
    return stderr;
  };

  it('is one file after a clean stop, so that copies of this file and of the key are the whole service', async () => {
    expect((await signet(['admin', 'migrate'], { ...test.env, SIGNET_ADMIN_PASSWORD: 'correct-horse-battery-staple' })).code).toBe(0);
    expect(readdirSync(test.dataDir).sort()).toEqual(['kek', 'pulse', 'signet.db']);
    const { served, admin, signs } = await serve();
    await create(admin, signs, 'kept');
    expect(await served.stop()).toBe(0);
    expect(readdirSync(test.dataDir).sort()).toEqual(['kek', 'pulse', 'signet.db']);
    const other = join(test.dataDir, 'other');
    mkdirSync(other);
    for (const name of ['kek', 'signet.db']) copyFileSync(join(test.dataDir, name), join(other, name));
    const copy = await serve({ ...test.env, SIGNET_DATA_DIR: other });
    expect(await names(copy.admin, copy.signs)).toEqual(['kept']);
  });

  it('is backed up while the service runs and restored as documented, and is not overwritten by a copy beside an older log', async () => {
    const backup = join(test.dataDir, 'backup.db');
    const { served, admin, signs } = await serve();
    await create(admin, signs, 'before');
    expect((await signet(['admin', 'backup', backup], test.env)).code).toBe(0);
    expect(statSync(backup).mode & 0o777).toBe(0o600);
    expect((await signet(['admin', 'backup', backup], test.env)).stderr).toContain('already exists');
    for (let i = 0; i < 40; i++) await create(admin, signs, `after_${i}`);

    const early = await signet(['admin', 'restore', backup], test.env);
    expect([early.code, early.stderr]).toEqual([1, expect.stringContaining('stop all processes')]);
    await served.stop('SIGKILL');
    expect(statSync(`${file}-wal`).size).toBeGreaterThan(0);

    // People copy the backup by hand.
    copyFileSync(backup, file);
    expect(await refusal()).toMatch(/is not the log of the database|do not belong together/);
    expect(readFileSync(file).equals(readFileSync(backup))).toBe(true);

    const restored = await signet(['admin', 'restore', backup], test.env);
    expect([restored.code, restored.stdout]).toEqual([0, expect.stringContaining('The previous database is')]);
    const again = await serve();
    expect(epochOf(file)).not.toBe(epochOf(backup));
    expect(await names(again.admin, again.signs)).toEqual(['before']);
    expect((await again.admin.post(again.signs, { name: 'too_early' })).status).toBe(503);
    expect((await signet(['admin', 'recovery', 'status'], test.env)).stdout).toContain('No decision yet');
    expect((await signet(['admin', 'recovery', 'accept', '--by', 'operator'], test.env)).code).toBe(0);
    expect((await signet(['admin', 'recovery', 'accept', '--by', 'operator'], test.env)).stderr).toContain('nothing to decide');
    await create(again.admin, again.signs, 'goes_on');
    // Processes from before the restore may still sign although the restored database does not list them; the operator knows that there was
    // none.
    const [{ id }] = (await again.admin.get(again.signs)).body.signs as [{ id: string }];
    const gone = await again.admin.delete(`${again.signs}/${id}`);
    const complete = async (admin: Client) => (await admin.get(gone.headers.get('signet-receipt')!)).body.complete as boolean;
    expect((await signet(['admin', 'recovery', 'vouch', '--by', 'operator'], test.env)).code).toBe(0);
    expect((await signet(['admin', 'recovery', 'vouch', '--by', 'operator'], test.env)).stderr).toContain(
      'no quarantine in which an operator could vouch',
    );
    expect(await complete(again.admin)).toBe(true);
    expect(await again.served.stop()).toBe(0);
    expect((await signet(['admin', 'audit', 'verify'], test.env)).stdout).toContain('intact');
  });

  it('is refused if its log belongs to another database', async () => {
    const [one, other] = [await serve(), await serve({ ...test.env, SIGNET_DATA_DIR: join(test.dataDir, 'other') })];
    await create(other.admin, other.signs, 'elsewhere');
    await one.served.stop();
    await other.served.stop('SIGKILL');
    copyFileSync(join(test.dataDir, 'other', 'signet.db-wal'), `${file}-wal`);
    const before = readFileSync(file);
    expect(await refusal()).toMatch(/is not the log of the database|do not belong together/);
    expect(readFileSync(file).equals(before)).toBe(true);
  });

  it('is refused if it is damaged or written by a newer version', async () => {
    await signet(['admin', 'migrate'], test.env);
    const connection = new BetterSqlite3(file);
    connection.exec("INSERT INTO migrations (timestamp, name) VALUES (9999999999999, 'FromTheFuture9999999999999')");
    connection.close();
    expect(await refusal()).toContain('newer version of Signet (FromTheFuture9999999999999)');
    const handle = openSync(file, 'r+');
    writeSync(handle, Buffer.alloc(8192, 0xa5), 0, 8192, 4096 * 3);
    expect(await refusal()).toContain('is damaged');
  });

  it('is required by backup and restore, which refuse a folder without one', async () => {
    for (const args of [
      ['backup', join(test.dataDir, 'backup.db')],
      ['restore', join(test.dataDir, 'nowhere.db')],
      ['restore', 'package.json'],
    ])
      expect((await signet(args, test.env)).code).toBe(1);
    expect(existsSync(file)).toBe(false);
  });
});
