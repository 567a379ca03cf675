import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { Machine } from '../support/machine.js';
import { type Client, TestService } from '../support/service.js';

const ID = '0123456789abcdef0123456789abcdef';
const report = (fields: Record<string, unknown>) => ({ applied_revision: 1, version: '1.0.0', ...fields });
const usage = (fields: Record<string, unknown> | null) =>
  report({ usage: [fields && { publish_id: ID, sign_id: ID, count: 1, last_signed_at: 1, ...fields }] });

/** A body, the field it is refused for, and in which words. */
const REPORTS: readonly [unknown, string, RegExp][] = [
  [{}, 'applied_revision', /required field is missing/],
  [report({ applied_revision: '1' }), 'applied_revision', /must be an integer/],
  [report({ applied_revision: 1.5 }), 'applied_revision', /must be an integer/],
  [report({ applied_revision: -1 }), 'applied_revision', /must not be less than 0/],
  [report({ applied_revision: 1e30 }), 'applied_revision', /must not be greater than/],
  [report({ version: undefined }), 'version', /required field is missing/],
  [report({ version: '' }), 'version', /must be longer than/],
  [report({ version: 1 }), 'version', /must be a string/],
  [report({ started_at: 'now' }), 'started_at', /must be an integer/],
  [report({ lease_seconds: -5 }), 'lease_seconds', /must not be less than 1/],
  [report({ lease_seconds: '30' }), 'lease_seconds', /must be an integer/],
  [report({ leaving: 'yes' }), 'leaving', /must be a boolean/],
  [report({ usage: {} }), 'usage', /must be an array/],
  [usage(null), 'usage[0]', /must be either object or array/],
  [usage({ publish_id: undefined }), 'usage[0].publish_id', /required field is missing/],
  [usage({ sign_id: 'a/b' }), 'usage[0].sign_id', /must match/],
  [usage({ count: 0 }), 'usage[0].count', /must not be less than 1/],
  [usage({ count: '1' }), 'usage[0].count', /must be an integer/],
  [usage({ last_signed_at: -1 }), 'usage[0].last_signed_at', /must not be less than 0/],
];

onBothDatabases((name) => {
  let database: TestDatabase;
  let service: TestService;
  let client: Client;
  let machine: Machine;
  let own: (path: string) => string;
  beforeAll(async () => {
    database = await createTestDatabase(name);
    service = await TestService.start(database);
    client = await service.client();
    const gateway = await client.gateway();
    machine = await Machine.of(client, gateway);
    own = (path) => `/signet/v1/instances/${gateway}${path}`;
  });
  afterAll(async () => {
    await service.stop();
    await database.drop();
  });

  describe('a report that is none', () => {
    it.each(REPORTS)('%j is refused for %s', async (body, parameter, words) => {
      const answer = await machine.call('PUT', '/nodes/n1', body);
      expect([answer.status, answer.body.parameter, answer.body.detail]).toEqual([400, parameter, expect.stringMatching(words)]);
    });

    it.each(['[]', '"x"', '{"applied_revision":'])('%s is refused as a whole', async (text) => {
      expect(await machine.call('PUT', '/nodes/n1', text)).toMatchObject({ status: 400, body: { code: 'unparsable' } });
    });

    it.each(['a%20b', 'x'.repeat(65), '%00'])('the name %s is refused', async (node) => {
      expect(await machine.call('PUT', `/nodes/${node}`, report({}))).toMatchObject({ status: 400, body: { parameter: 'node_id' } });
    });

    it('registers nobody', async () => {
      expect((await client.get(own('/nodes'))).body).toMatchObject({ total: 0 });
    });
  });

  it.each([
    ['POST', '/gateway-tokens', { role: 'root' }, 'role'],
    ['POST', '/gateway-tokens', { name: 5 }, 'name'],
    ['POST', '/gateway-tokens', { name: 'x'.repeat(65) }, 'name'],
    ['PUT', '/settings', { lease_seconds: '30' }, 'lease_seconds'],
    ['PUT', '/settings', {}, 'lease_seconds'],
  ])('%s %s with %j names the field', async (method, path, body, parameter) => {
    expect(await client.call(method, own(path), body)).toMatchObject({ status: 400, body: { parameter } });
  });
});
