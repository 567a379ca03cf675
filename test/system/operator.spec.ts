import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createEmptyDatabase, type TestDatabase } from '../support/databases.js';
import { CHILD_ENV, freePort, ServedProcess, signet } from '../support/process.js';

/** Runs a command line in a shell, so that it can redirect output. */
function shell(script: string, env: Record<string, string>): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const full = { ...CHILD_ENV, ...env };
    const cli = script.replaceAll('signet ', `${process.execPath} dist/cli.js `);
    execFile('bash', ['--norc', '-c', cli], { env: full }, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
    );
  });
}

describe('an operator', () => {
  let test: TestDatabase;
  const running: ServedProcess[] = [];
  beforeEach(async () => {
    test = await createEmptyDatabase('sqlite');
  });
  afterEach(async () => {
    for (const served of running.splice(0)) await served.stop('SIGKILL');
    await test.drop();
  });
  const serve = async (env: Record<string, string>) => {
    const served = await ServedProcess.start({ SIGNET_LOG_LEVEL: 'info', ...env });
    running.push(served);
    return served;
  };

  it('whose port is taken finds nothing created, and each successful start names the administrator', async () => {
    const kek = join(test.dataDir, '..', `kek-${process.pid}`);
    expect((await signet(['admin', 'kek', 'generate', '--out', kek], {})).code).toBe(0);
    const env = {
      ...test.env,
      SIGNET_MODE: 'production',
      SIGNET_KEK_FILE: kek,
      SIGNET_ADMIN_PASSWORD: '',
      SIGNET_GATEWAY_PLAINTEXT: 'allow',
    };
    const holder = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => holder.once('listening', resolve));
    const taken = await signet(['serve'], { ...env, SIGNET_PORT: String((holder.address() as AddressInfo).port) });
    holder.close();
    expect([taken.code, taken.stderr]).toEqual([1, expect.stringContaining('SIGNET_PORT: another process listens')]);
    expect(readdirSync(test.dataDir)).toEqual([]);

    const first = await serve(env);
    expect(first.output).toMatch(/The user admin was created with the password \S{20,}/);
    const [line] = first.output.split('\n');
    expect(JSON.parse(line!)).toMatchObject({
      msg: 'starting',
      version: (JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }).version,
      mode: 'production',
      database: 'signet.db',
      dataDir: test.dataDir,
    });
    first.child.kill('SIGHUP');
    await first.stop();
    expect(first.output).toContain('SIGHUP: there is nothing to reload');
    const second = await serve({ ...env, SIGNET_ADMIN_PASSWORD: 'another-password' });
    expect(second.output).toContain('signet admin iam user password admin');
    expect(second.output).toContain('SIGNET_ADMIN_PASSWORD has no effect');
    expect(second.output).not.toContain('was created with the password');
    rmSync(kek);
  });

  it('cannot overwrite one key with another, nor lose a key because the output is full', async () => {
    const file = join(test.dataDir, 'ring');
    expect((await signet(['admin', 'kek', 'generate', '--out', file], {})).code).toBe(0);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const before = readFileSync(file, 'utf8');
    // The name that the command had in 0.2.
    const again = await signet(['kek', 'generate', '--out', file], {});
    expect(again.stderr).toMatch(/^signet kek is now signet admin kek; .+\n.*already exists/);
    expect([again.code, again.stderr]).toEqual([1, expect.stringContaining('already exists')]);
    expect(readFileSync(file, 'utf8')).toBe(before);

    expect((await signet(['admin', 'migrate'], { ...test.env, SIGNET_ADMIN_PASSWORD: 'a-password' })).code).toBe(0);
    const full = await shell('signet admin iam user add dana >/dev/full', test.env);
    expect([full.code, full.stderr]).toEqual([1, expect.stringContaining('standard output could not be written (ENOSPC)')]);
    const closed = await shell('signet permissions | head -c 10; exit ${PIPESTATUS[0]}', test.env);
    expect([closed.code, closed.stderr]).toEqual([0, '']);

    rmSync(join(test.dataDir, 'kek'));
    const sealed = await signet(['admin', 'migrate'], test.env);
    expect([sealed.code, sealed.stderr]).toEqual([1, expect.stringContaining('the database is encrypted with a key-encryption key')]);
    expect(existsSync(join(test.dataDir, 'kek'))).toBe(false);
  });

  it('in the wrong folder gets an error, and nothing is created there', async () => {
    const nowhere = { SIGNET_DATA_DIR: join(test.dataDir, 'elsewhere') };
    for (const args of [
      ['admin', 'audit', 'verify'],
      ['admin', 'iam', 'user', 'list'],
      ['admin', 'kek', 'status'],
      ['admin', 'token', '--user', 'admin', '--project', 'default'],
    ]) {
      const { code, stderr } = await signet(args, nowhere);
      expect([code, stderr]).toEqual([1, expect.stringContaining('there is no installation here')]);
    }
    expect(existsSync(nowhere.SIGNET_DATA_DIR)).toBe(false);
  });

  it('gets an error that names the wrong variable', async () => {
    const refused = async (env: Record<string, string>) => {
      const { code, stderr } = await signet(['serve'], { SIGNET_PORT: String(await freePort()), ...test.env, ...env });
      expect(code).toBe(1);
      return stderr;
    };
    const closed = await freePort();
    for (const [env, words] of [
      [{ SIGNET_HOST: '203.0.113.7' }, /^SIGNET_HOST: 203.0.113.7/],
      [{ SIGNET_DATA_DIR: '/proc/x/y' }, /^SIGNET_DATA_DIR: \/proc\/x\/y cannot be created/],
      [{ SIGNET_DATA_DIR: 'package.json' }, /^SIGNET_DATA_DIR: .*package.json cannot be created/],
      [{ SIGNET_KEK_FILE: '/nowhere/kek' }, /^SIGNET_KEK_FILE: \/nowhere\/kek cannot be read \(ENOENT\)/],
      [{ DATABASE_URL: `mysql://root@127.0.0.1:${closed}/x` }, /^DATABASE_URL: cannot connect .* \(ECONNREFUSED/],
      [{ SIGNET_ADMIN_PASSWORD: 'x'.repeat(2000) }, /^SIGNET_ADMIN_PASSWORD: the password must have 8 to 1024 characters/],
      [{ SIGNET_ADMIN_PASSWORD: 'x' }, /^SIGNET_ADMIN_PASSWORD: the password must have 8 to 1024 characters/],
    ] as const)
      expect(await refused(env)).toMatch(words);
  });

  it('finds projects by name and by id, and gets an error if there is none', async () => {
    await signet(['admin', 'migrate'], { ...test.env, SIGNET_ADMIN_PASSWORD: 'a-password' });
    const byName = await signet(['admin', 'audit', 'export', '--project', 'default'], test.env);
    expect(byName.stdout).toContain('"CreateProject"');
    const { resource_id: id } = JSON.parse(byName.stdout.split('\n')[0]!) as { resource_id: string };
    expect((await signet(['admin', 'audit', 'export', '--project', id], test.env)).stdout).toBe(byName.stdout);
    for (const [args, words] of [
      [['admin', 'audit', 'export', '--project', 'nowhere'], 'there is no project nowhere'],
      [['admin', 'audit', 'export', '--chain', 'nowhere'], 'nothing found'],
      [['admin', 'audit', 'prune', '--before', '2099-01-01T00:00:00Z'], 'lies in the future'],
      [['gen', 'nginx', '--instance', 'x', '--listen', '99999'], '1 to 65535'],
      [['help', 'admin', 'iam', 'nonsense'], 'there is no command admin iam nonsense'],
    ] as const) {
      const { code, stderr } = await signet(args, test.env);
      // Arguments that are wrong by themselves have a code of their own (docs/command-line.md).
      expect([code, stderr]).toEqual([words.includes('65535') ? 2 : 1, expect.stringContaining(words)]);
    }
    expect((await signet(['help', 'admin', 'iam', 'grant'], {})).stdout).toContain('Usage: signet admin iam grant');
  });
});
