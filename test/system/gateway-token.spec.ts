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

it('signet gateway-token prints a token that the running service takes, and nothing else', async () => {
  const { code, stdout, stderr } = await signet(['gateway-token', '--instance', gateway, '--name', 'edge'], database.env);
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout).toMatch(/^sgw_[A-Za-z0-9_-]{43}\n$/);
  const authorization = `Bearer ${stdout.trim()}`;
  const { status } = await fetch(`${served.baseUrl}/signet/v1/instances/${gateway}/snapshot`, { headers: { authorization } });
  expect(status).toBe(200);
  const { body } = await (await served.admin()).get(`/signet/v1/instances/${gateway}/gateway-tokens`);
  expect(body.gateway_tokens).toMatchObject([{ name: 'edge', role: 'gateway' }]);
});

it.each([
  ['an instance that the project has not', ['--instance', 'nothing']],
  ['a project that there is not', ['--instance', 'nothing', '--project', 'nobody']],
  ['a role that is none', ['--instance', 'nothing', '--role', 'admin']],
])('signet gateway-token refuses %s', async (_, args) => {
  const { code, stdout, stderr } = await signet(['gateway-token', ...args], database.env);
  expect([code, stdout]).toEqual([1, '']);
  expect(stderr).toMatch(/\w/);
});
