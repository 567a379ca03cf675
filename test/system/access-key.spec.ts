import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { send } from '../support/access-keys.js';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';
import { ServedProcess, signet } from '../support/process.js';
import type { Pair } from '../support/raw-signer.js';

describe('signet admin access-key, while the service runs,', () => {
  let test: TestDatabase;
  let served: ServedProcess;
  let key: Pair;
  beforeAll(async () => {
    test = await createTestDatabase('sqlite');
    served = await ServedProcess.start(test.env);
  });
  afterAll(async () => {
    served.child.kill('SIGTERM');
    await test.drop();
  });

  const run = (...args: string[]) => signet(['admin', 'access-key', ...args], test.env);
  const status = async () => (await send(served.baseUrl, key, { target: '/v3/auth/domains' })).status;
  /** Changes that another process makes take effect in this one within five seconds. */
  const becomes = async (wanted: number) => {
    while ((await status()) !== wanted) await new Promise((resolve) => setTimeout(resolve, 100));
  };

  it('creates a key that works at once, and prints it with its secret', async () => {
    const { code, stdout, stderr } = await run('create', '--user', 'admin', '--description', 'for CI');
    expect([code, stderr]).toEqual([0, '']);
    const [, access, secret] = /^access: ([A-Z0-9]{20})\nsecret: ([A-Za-z0-9]{40})\n$/.exec(stdout) ?? [];
    key = { access: access!, secret: secret! };
    expect(await status()).toBe(200);
  });

  it('lists the key without its secret', async () => {
    const { stdout } = await run('list', '--user', 'admin');
    expect(stdout).not.toContain(key.secret);
    expect(JSON.parse(stdout)).toMatchObject({ access: key.access, status: 'active', description: 'for CI' });
  });

  it('disables, enables and deletes the key, with effect in the running service', async () => {
    expect((await run('disable', key.access)).code).toBe(0);
    await becomes(401);
    expect((await run('enable', key.access)).code).toBe(0);
    await becomes(200);
    expect((await run('delete', key.access)).code).toBe(0);
    await becomes(401);
  });

  it.each([
    ['there is no such access key', 1, ['delete', 'AAAAAAAAAAAAAAAAAAAA']],
    ['there is no such access key', 1, ['disable', 'x']],
    ['there is no user nobody in the domain default', 1, ['create', '--user', 'nobody']],
    ["required option '--user <name>' not specified", 2, ['list']],
  ])('prints %s, and exits with %i', async (words, expected, args) => {
    const { code, stdout, stderr } = await run(...args);
    expect([code, stdout]).toEqual([expected, '']);
    expect(stderr).toContain(words);
  });
});
