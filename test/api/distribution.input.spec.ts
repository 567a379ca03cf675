import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { Machine } from '../support/machine.js';
import { type Client, TestService } from '../support/service.js';
import { TestSession } from '../support/session.js';

const ID = '0123456789abcdef0123456789abcdef';
const process = new TestSession(ID, 'n1');
const report = (fields: Record<string, unknown>) => ({ ...process.report(1), epoch: 'e', ...fields });
const usage = (fields: Record<string, unknown> | null) =>
  report({ usage: [fields && { publish_id: ID, sign_id: ID, count: 1, last_signed_at: 1, ...fields }] });

/** A body, the field for which it is refused, and the message. */
const REPORTS: readonly [unknown, string, RegExp][] = [
  [{}, 'epoch', /required field is missing/],
  [report({ applied_revision: '1' }), 'applied_revision', /must be an integer/],
  [report({ applied_revision: 1.5 }), 'applied_revision', /must be an integer/],
  [report({ applied_revision: -1 }), 'applied_revision', /must not be less than 0/],
  [report({ applied_revision: 1e30 }), 'applied_revision', /must not be greater than/],
  [report({ epoch: undefined }), 'epoch', /required field is missing/],
  [report({ counter: 0 }), 'counter', /must not be less than 1/],
  [report({ counter: undefined }), 'counter', /required field is missing/],
  [report({ newest_revision: -1 }), 'newest_revision', /must not be less than 0/],
  [report({ digest: 'x' }), 'digest', /must match/],
  [report({ signature: 'x' }), 'signature', /must match/],
  [report({ signature: undefined }), 'signature', /required field is missing/],
  [report({ succeeds: { session_id: ID } }), 'succeeds.signature', /required field is missing/],
  [report({ succeeds: 'x' }), 'succeeds', /must be an object/],
  [report({ lease_seconds: undefined }), 'lease_seconds', /required field is missing/],
  [report({ lease_seconds: -5 }), 'lease_seconds', /must not be less than 0/],
  [report({ lease_seconds: '30' }), 'lease_seconds', /must be an integer/],
  [report({ leaving: 'yes' }), 'leaving', /must be a boolean/],
  [report({ usage: {} }), 'usage', /must be an array/],
  [usage(null), 'usage[0]', /must be either object or array/],
  [report({ usage: [[]] }), 'usage[0]', /must be either object or array/],
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

  describe('malformed input of a node', () => {
    it.each(REPORTS)('in a report with %j is refused for %s', async (body, parameter, words) => {
      const answer = await machine.call('PUT', `/sessions/${ID}/report`, body);
      expect([answer.status, answer.body.parameter, answer.body.detail]).toEqual([400, parameter, expect.stringMatching(words)]);
    });

    it.each(['[]', '"x"', '{"applied_revision":'])('that is the report %s is refused as a whole', async (text) => {
      expect(await machine.call('PUT', `/sessions/${ID}/report`, text)).toMatchObject({ status: 400, body: { code: 'unparsable' } });
    });

    it.each(['a%20b', 'x'.repeat(65), '%00', ID.toUpperCase()])('with the session %s is refused', async (session) => {
      for (const [path, body] of [
        [`/sessions/${session}/report`, report({})] as const,
        [`/sessions/${session}`, process.registration()] as const,
      ])
        expect(await machine.call('PUT', path, body)).toMatchObject({ status: 400, body: { parameter: 'session_id' } });
    });

    it.each([
      [{ node_id: 'a b' }, 'node_id'],
      [{ node_id: undefined }, 'node_id'],
      [{ version: '' }, 'version'],
      [{ public_key: 'x' }, 'public_key'],
      [{ with_table: 1 }, 'with_table'],
      [{ lease_seconds: 1.5 }, 'lease_seconds'],
      [{ signature: undefined }, 'signature'],
    ])('in a registration with %j is refused for %s', async (fields, parameter) => {
      const body = { ...process.registration(), ...fields };
      expect(await machine.call('PUT', `/sessions/${ID}`, body)).toMatchObject({ status: 400, body: { parameter } });
    });

    it.each([undefined, 'x', ID.slice(1)])('in a snapshot for the session %s is refused', async (session) => {
      const headers: Record<string, string> = session === undefined ? {} : { 'signet-session': session };
      expect(await machine.call('GET', '/snapshot', undefined, headers)).toMatchObject({
        status: 400,
        body: { parameter: 'Signet-Session' },
      });
    });

    it('registers no session', async () => {
      expect((await client.get(own('/sessions'))).body).toMatchObject({ total: 0 });
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
