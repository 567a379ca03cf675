import { connect } from 'node:net';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { freePort, ServedProcess, signet } from '../support/process.js';
import { Client } from '../support/service.js';

onBothDatabases((name) => {
  let test: TestDatabase;
  beforeEach(async () => {
    test = await createTestDatabase(name);
  });
  afterEach(() => test.drop());

  it('acknowledged writes survive SIGKILL under load, and a restart', async () => {
    const first = await ServedProcess.start(test.env);
    const admin = await first.admin();
    const gateway = (await admin.get('/v2/{project}/apigw/instances')).body.instances[0].id as string;
    const signs = `/v2/{project}/apigw/instances/${gateway}/signs`;
    const created: { id: string; sign_secret: string }[] = [];
    const deleted = new Set<string>();
    let running = true;
    const writer = async (w: number) => {
      for (let i = 0; running; i++) {
        try {
          const { status, body } = await admin.post(signs, { name: `k_${w}_${i}` });
          if (status !== 201) continue;
          created.push(body);
          if (i % 2 && (await admin.delete(`${signs}/${body.id}`)).status === 204) deleted.add(body.id);
        } catch {
          return;
        }
      }
    };
    const writers = Array.from({ length: 8 }, (_, w) => writer(w));
    while (created.length < 100) await new Promise((resolve) => setTimeout(resolve, 5));
    await first.stop('SIGKILL');
    running = false;
    await Promise.all(writers);

    const second = await ServedProcess.start(test.env);
    const again = await second.admin();
    const there = new Map<string, string>();
    for (const sign of (await again.get(`${signs}?limit=500`)).body.signs) there.set(sign.id, sign.sign_secret);
    // An interrupted request may have been committed. A request that was answered must have been.
    const lost = created.filter(({ id, sign_secret }) => !deleted.has(id) && there.get(id) !== sign_secret && there.has(id));
    const gone = created.filter(({ id }) => !deleted.has(id) && !there.has(id));
    expect(lost).toEqual([]);
    expect(gone.length).toBeLessThanOrEqual(8);
    expect([...deleted].filter((id) => there.has(id))).toEqual([]);
    expect(await second.stop()).toBe(0);
    const verified = await signet(['admin', 'audit', 'verify'], test.env);
    expect([verified.code, verified.stdout]).toEqual([0, expect.stringContaining('intact')]);
  });

  it('after SIGTERM, the process finishes its requests, refuses new ones and exits with 0', async () => {
    const served = await ServedProcess.start({ ...test.env, SIGNET_TIMEOUTS: 'shutdown=10000ms' });
    const admin = await served.admin();
    const { port, hostname } = new URL(served.baseUrl);
    const body = '{"name":"slow_body"}';
    const socket = connect(Number(port), hostname);
    let answer = '';
    socket.on('data', (data) => (answer += data.toString()));
    const closed = new Promise((resolve) => socket.on('close', resolve));
    const gateway = (await admin.get('/v2/{project}/apigw/instances')).body.instances[0].id as string;
    socket.write(
      `POST /v2/${admin.projectId}/apigw/instances/${gateway}/signs HTTP/1.1\r\nHost: x\r\nX-Auth-Token: ${admin.token}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body.slice(0, 5)}`,
    );
    // The request is being processed once a later request on another connection has been answered.
    await admin.get('/healthz');
    const exit = served.stop();
    while (
      await fetch(`${served.baseUrl}/healthz`).then(
        () => true,
        () => false,
      )
    )
      await new Promise(setImmediate);
    socket.write(body.slice(5));
    await closed;
    expect(answer).toMatch(/^HTTP\/1\.1 201 /);
    expect(await exit).toBe(0);
  });

  it('a service with another key-encryption key does not start', async () => {
    const first = await ServedProcess.start(test.env);
    await first.stop();
    const other = join(test.dataDir, 'other-kek');
    writeFileSync(other, (await signet(['admin', 'kek', 'generate'], {})).stdout, { mode: 0o600 });
    const { code, stderr, stdout } = await signet(['serve'], {
      ...test.env,
      SIGNET_KEK_FILE: other,
      SIGNET_PORT: String(await freePort()),
    });
    expect([code, stderr + stdout]).toEqual([1, expect.stringContaining('the keyring contains none of them')]);
  });
});

describe('signet', () => {
  let test: TestDatabase;
  beforeEach(async () => {
    test = await createTestDatabase('sqlite');
  });
  afterEach(() => test.drop());

  it('does not start in production without a key-encryption key, and creates none', async () => {
    const { code, stderr } = await signet(['serve'], { ...test.env, SIGNET_MODE: 'production', SIGNET_PORT: String(await freePort()) });
    expect([code, stderr]).toEqual([1, expect.stringContaining('no key-encryption key')]);
    expect(existsSync(join(test.dataDir, 'kek'))).toBe(false);
  });

  it('does not start with an unknown variable, and names every fault', async () => {
    const { code, stderr } = await signet(['serve'], { ...test.env, SIGNET_PROT: '1', SIGNET_MODE: 'x' });
    expect(code).toBe(1);
    expect(stderr).toContain('SIGNET_PROT is not a variable of Signet');
    expect(stderr).toContain('SIGNET_MODE must be one of local, production');
  });

  it('prints the value and the origin of each setting and item, and no secret', async () => {
    const env = { ...test.env, SIGNET_LIMITS: 'signs=9', SIGNET_ADMIN_PASSWORD: 'canary-7f3a', SIGNET_MODE: 'local' };
    const { code, stdout } = await signet(['config', 'check'], env);
    const lines = stdout.split('\n');
    expect([code, stdout.includes('canary-7f3a')]).toEqual([0, false]);
    for (const line of [
      'SIGNET_LIMITS',
      '  signs=9  (environment)',
      '  instances=5  (default)',
      '  drain=0s  (default)',
      'SIGNET_ADMIN_PASSWORD=***  (environment)',
    ])
      expect(lines).toContain(line);
    const wrong = await signet(['config', 'check'], { ...env, SIGNET_LIMITS: 'sings=9', SIGNET_SIGN_NUM_LIMIT: '9' });
    expect([wrong.code, wrong.stdout]).toEqual([1, '']);
    expect(wrong.stderr).toContain('SIGNET_LIMITS has the unknown item sings; the known ones are signs, ');
    expect(wrong.stderr).toContain(
      'SIGNET_SIGN_NUM_LIMIT was removed: it is now an item of SIGNET_LIMITS, as in SIGNET_LIMITS="signs=200"\n',
    );
  });

  it('prints a generated password once, and in the local mode also a token and a gateway', async () => {
    const env = { ...test.env, SIGNET_ADMIN_PASSWORD: '' };
    const first = await ServedProcess.start(env);
    await first.stop();
    expect(first.output).toMatch(/The user admin was created with the password \S{20,}/);
    const exports = Object.fromEntries([...first.output.matchAll(/^export (\w+)=(\S+)$/gm)].map(([, key, value]) => [key, value]));
    expect(Object.keys(exports).sort()).toEqual(['API', 'GATEWAY', 'PROJECT', 'TOKEN']);
    const second = await ServedProcess.start(env);
    const list = await fetch(`${second.baseUrl}/v2/${exports['PROJECT']}/apigw/instances/${exports['GATEWAY']}/signs`, {
      headers: { 'x-auth-token': exports['TOKEN']! },
    });
    expect(list.status).toBe(200);
    await second.stop();
    expect(second.output).not.toContain('was created with the password');
  });

  it('prints a token for a script while the service runs, but not in production', async () => {
    const served = await ServedProcess.start(test.env);
    try {
      const { code, stdout, stderr } = await signet(['admin', 'token', '--user', 'admin', '--project', 'default'], test.env);
      expect([code, stderr]).toEqual([0, '']);
      const { projectId } = await served.admin();
      const answer = await fetch(`${served.baseUrl}/v2/${projectId}/apigw/instances`, { headers: { 'x-auth-token': stdout.trim() } });
      expect(answer.status).toBe(200);
      const kek = join(test.dataDir, 'kek');
      expect(statSync(kek).mode & 0o777).toBe(0o600);
      const refused = await signet(['admin', 'token', '--user', 'admin', '--project', 'default'], {
        ...test.env,
        SIGNET_MODE: 'production',
        SIGNET_KEK_FILE: kek,
      });
      expect([refused.code, refused.stdout, refused.stderr]).toEqual([1, '', expect.stringContaining('local mode only')]);
    } finally {
      await served.stop();
    }
  });

  it('adds a user, who can then get a token, and revokes the user’s role', async () => {
    const served = await ServedProcess.start(test.env);
    try {
      const added = await signet(['admin', 'iam', 'user', 'add', 'dana'], test.env);
      const [, generated] = /^password: (\S+)$/m.exec(added.stdout)!;
      expect(
        (
          await signet(['admin', 'iam', 'grant', '--user', 'dana', '--project', 'default', '--role', 'APIG ReadOnlyAccess'], test.env)
        ).stdout.trim(),
      ).toBe('done');
      const password = await Client.replacePassword(served.baseUrl, 'dana', generated!);
      const login = () =>
        new Client(served.baseUrl, '', '').post('/v3/auth/tokens', {
          auth: {
            identity: { methods: ['password'], password: { user: { name: 'dana', password, domain: { name: 'default' } } } },
            scope: { project: { name: 'default' } },
          },
        });
      expect((await login()).status).toBe(201);
      expect(
        (await signet(['admin', 'iam', 'revoke', '--user', 'dana', '--project', 'default', '--role', 'APIG ReadOnlyAccess'], test.env))
          .code,
      ).toBe(0);
      expect((await login()).status).toBe(401);
      expect((await signet(['admin', 'iam', 'user', 'list'], test.env)).stdout).toContain('"name":"dana"');
    } finally {
      await served.stop();
    }
  });

  it('has a help text for every command', async () => {
    for (const args of [
      ['--help'],
      ['serve', '--help'],
      ['admin', '--help'],
      ['admin', 'token', '--help'],
      ['admin', 'iam', '--help'],
      ['admin', 'iam', 'user', 'add', '--help'],
      ['admin', 'audit', 'verify', '--help'],
      ['admin', 'kek', 'generate', '--help'],
      ['admin', 'kek', 'status', '--help'],
      ['admin', 'rewrap', '--help'],
      ['admin', 'migrate', '--help'],
    ]) {
      const { code, stdout } = await signet(args, {});
      expect([args.join(' '), code]).toEqual([args.join(' '), 0]);
      expect(stdout).toContain('Usage: signet');
    }
    expect((await signet(['--version'], {})).stdout.trim()).toBe(
      (JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }).version,
    );
    expect((await signet(['nonsense'], {})).code).toBe(2);
  });
});
