import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';
import { ServedProcess, signet } from '../support/process.js';

let database: TestDatabase;
let served: ServedProcess;
let gateway: string;
beforeAll(async () => {
  database = await createTestDatabase('sqlite');
  served = await ServedProcess.start(database.env);
  gateway = (await (await served.admin()).get('/v2/{project}/apigw/instances')).body.instances[0].id;
});
afterAll(async () => {
  await served.stop();
  await database.drop();
});

it('signet admin gateway-token prints a token that the running service accepts, and nothing else', async () => {
  const { code, stdout, stderr } = await signet(['admin', 'gateway-token', '--instance', gateway, '--name', 'edge'], database.env);
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout).toMatch(/^sgw_[A-Za-z0-9_-]{43}\n$/);
  const authorization = `Bearer ${stdout.trim()}`;
  const answer = await fetch(`${served.baseUrl}/signet/v1/instances/${gateway}/snapshot`, { headers: { authorization } });
  // The credential is accepted; the error says that a process must register a session before it asks for keys.
  expect([answer.status, await answer.json()]).toMatchObject([400, { parameter: 'Signet-Session' }]);
  const { body } = await (await served.admin()).get(`/signet/v1/instances/${gateway}/gateway-tokens`);
  expect(body.gateway_tokens).toMatchObject([{ name: 'edge', role: 'gateway' }]);
});

it('signet admin gateway-token renews, lists and revokes tokens', async () => {
  const run = async (...args: string[]) => {
    const { code, stdout, stderr } = await signet(['admin', 'gateway-token', ...args], database.env);
    expect([code, stderr]).toEqual([0, '']);
    return stdout.trim();
  };
  const where = ['--instance', gateway];
  const list = async () =>
    (await run('list', ...where))
      .split('\n')
      .map((line) => JSON.parse(line) as { id: string; expires_at: string | null; sessions_max: number });
  await run(...where, '--expires-at', '2100-01-01T00:00:00Z');
  const [first] = await list();
  expect(first).toMatchObject({ expires_at: '2100-01-01T00:00:00.000000Z', sessions_max: 1000 });
  const token = await run('renew', first!.id, ...where, '--overlap', '60', '--expires-at', '2100-06-01T00:00:00Z');
  expect(token).toMatch(/^sgw_[A-Za-z0-9_-]{43}$/);
  const [renewed, old] = await list();
  expect([renewed!.expires_at, old!.id]).toEqual(['2100-06-01T00:00:00.000000Z', first!.id]);
  expect(Date.parse(old!.expires_at!)).toBeLessThan(new Date().getTime() + 61_000);
  expect(await run('revoke', renewed!.id, ...where)).toBe('done');
  const authorization = `Bearer ${token}`;
  expect((await fetch(`${served.baseUrl}/signet/v1/instances/${gateway}/watch`, { headers: { authorization } })).status).toBe(401);
  expect((await signet(['admin', 'gateway-token', 'revoke', renewed!.id, ...where], database.env)).stderr).toContain(
    'there is no such credential',
  );
});

it.each([
  ['a gateway of another project', 1, ['--instance', 'nothing']],
  ['an unknown project', 1, ['--instance', 'nothing', '--project', 'nobody']],
  ['an unknown role', 2, ['--instance', 'nothing', '--role', 'admin']],
  ['no instance', 1, ['--name', 'x']],
])('signet admin gateway-token refuses %s', async (_, expected, args) => {
  const { code, stdout, stderr } = await signet(['admin', 'gateway-token', ...args], database.env);
  expect([code, stdout]).toEqual([expected, '']);
  expect(stderr).toMatch(/\w/);
});
