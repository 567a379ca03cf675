import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';
import { ServedProcess, signet } from '../support/process.js';
import { WebhookClient } from '../support/webhooks.js';

let database: TestDatabase;
let served: ServedProcess;
beforeAll(async () => {
  database = await createTestDatabase('sqlite');
  served = await ServedProcess.start(database.env);
});
afterAll(async () => {
  await served.stop();
  await database.drop();
});

it('signet admin api-key create prints a key that the running service accepts, and revoke ends the key there at once', async () => {
  const { code, stdout, stderr } = await signet(['admin', 'api-key', 'create', '--label', 'ci', '--mode', 'test'], database.env);
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout).toMatch(/^hb_test_[A-Za-z0-9]{32}\n$/);
  const client = new WebhookClient(served.baseUrl, stdout.trim());
  const { status, body } = await client.get('/v1/api-keys');
  expect([status, body.data]).toMatchObject([200, [{ label: 'ci', prefix: stdout.slice(0, 11) }]]);
  const listed = await signet(['admin', 'api-key', 'list'], database.env);
  expect(JSON.parse(listed.stdout)).toMatchObject({ key_id: body.data[0].key_id, label: 'ci' });
  expect(await signet(['admin', 'api-key', 'revoke', body.data[0].key_id], database.env)).toMatchObject({ code: 0, stdout: 'done\n' });
  expect((await client.get('/v1/api-keys')).status).toBe(401);
});

it.each([
  ['an unknown project', 1, ['create', '--project', 'nobody'], /no project nobody/],
  ['an unknown mode', 2, ['create', '--mode', 'prod'], /live, test/],
  ['a label of 256 characters', 1, ['create', '--label', 'x'.repeat(256)], /255/],
  ['to revoke an unknown key', 1, ['revoke', 'key_x'], /not found/],
])('signet admin api-key refuses %s', async (_, expected, args, words) => {
  const { code, stdout, stderr } = await signet(['admin', 'api-key', ...args], database.env);
  expect([code, stdout]).toEqual([expected, '']);
  expect(stderr).toMatch(words);
});
