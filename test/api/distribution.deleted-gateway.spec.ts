import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Database } from '../../src/platform/database/database.js';
import { GatewayTokens } from '../../src/distribution/credentials/gateway-tokens.service.js';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { Machine } from '../support/machine.js';
import { type Client, TestService } from '../support/service.js';
import { TestSession } from '../support/session.js';

onBothDatabases((name) => {
  let database: TestDatabase;
  let service: TestService;
  let client: Client;
  let gateway: string;
  let machine: Machine;
  const own = (path: string) => `/signet/v1/instances/${gateway}${path}`;

  beforeAll(async () => {
    database = await createTestDatabase(name);
    service = await TestService.start(database, { SIGNET_LIMITS: 'instances=1000' });
    client = await service.client();
  });
  afterAll(async () => {
    await service.stop();
    await database.drop();
  });
  beforeEach(async () => {
    gateway = await client.gateway();
    machine = await Machine.of(client, gateway);
  });

  /** @returns the URL of the receipt of the deletion */
  async function deleteGateway(headers: Record<string, string> = {}): Promise<string> {
    const answer = await client.call('DELETE', `/v2/{project}/apigw/instances/${gateway}`, undefined, headers);
    expect([answer.status, answer.text]).toEqual([204, '']);
    return answer.headers.get('signet-receipt')!;
  }
  const revisionOf = (receipt: string) => Number(/\/receipts\/(\d+)\?epoch=/.exec(receipt)?.[1]);
  const shown = async (receipt: string) => (await client.get(receipt)).body;
  const tokens = async () => (await client.get(own('/gateway-tokens'))).body.total as number | undefined;

  describe('DELETE …/instances/{instance_id}', () => {
    it('returns the URL of a receipt that waits for each process until it acknowledges or leaves', async () => {
      await machine.report('acknowledges', 1);
      await machine.report('leaves', 1);
      const receipt = await deleteGateway();
      expect(receipt).toMatch(new RegExp(`^${own('/receipts/2')}[?]epoch=[0-9a-f]{32}$`));
      expect(await shown(receipt)).toMatchObject({
        revision: 2,
        complete: false,
        sessions: [
          { node_id: 'acknowledges', state: 'pending' },
          { node_id: 'leaves', state: 'pending' },
        ],
      });
      expect((await machine.report('acknowledges', revisionOf(receipt))).body).toMatchObject({ revision: 2, lease_seconds: 0 });
      expect(await shown(receipt)).toMatchObject({ complete: false });
      expect((await machine.report('leaves', 1, { leaving: true })).status).toBe(200);
      expect(await shown(receipt)).toMatchObject({
        complete: true,
        sessions: [
          { node_id: 'acknowledges', state: 'acknowledged' },
          { node_id: 'leaves', state: 'left' },
        ],
      });
    });

    it('gives a receipt that, without processes, is complete at once and is stored although nobody asks for it', async () => {
      const receipt = await deleteGateway({ prefer: 'wait=10' });
      const sql = 'SELECT revision FROM receipts WHERE scope_id = ? AND revision = ?';
      expect(await service.app.get(Database).rows(sql, [gateway, revisionOf(receipt)])).toHaveLength(1);
      expect(await shown(receipt)).toMatchObject({ complete: true, sessions: [] });
    });

    it('answers after every process has acknowledged, if the caller sends Prefer: wait', async () => {
      await machine.report('n', 1);
      const deleted = deleteGateway({ prefer: 'wait=30' });
      // The report is refused until there is a deletion to acknowledge.
      for (let tries = 0; tries < 500 && (await machine.report('n', 2)).status !== 200; tries++);
      expect(await shown(await deleted)).toMatchObject({ complete: true });
    });
  });

  describe('a session of a deleted gateway', () => {
    it('may report, but gets no keys, stream, lease or successor', async () => {
      await machine.report('n', 1);
      const session = (await machine.session('n')) as TestSession;
      await deleteGateway();
      const refusals = [
        await machine.ask(session, ''),
        await machine.ask(session),
        await machine.register(new TestSession(gateway, 'new')),
        await machine.register(new TestSession(gateway, 'with-table'), { with_table: true }),
      ];
      expect(refusals.map(({ status, body }) => [status, body.code])).toEqual(refusals.map(() => [409, 'session_gone']));
      await expect(machine.watch(1, true, session.sessionId)).rejects.toThrow(/session_gone/);
      await expect(machine.watch(1)).rejects.toThrow(/^watch: 404/);
      expect((await machine.report('n', 2)).body).toMatchObject({ lease_seconds: 0 });
      expect((await machine.report('n', 3)).body.code).toBe('session_ahead');
    });

    it('accepts reports only from itself, and none after its credential is revoked', async () => {
      await machine.report('n', 1);
      const session = (await machine.session('n')) as TestSession;
      const receipt = await deleteGateway();
      const forged = new TestSession(gateway, 'n').report(2, { epoch: session.epoch, counter: 90 });
      expect((await machine.say(session, forged)).body.code).toBe('session_forged');
      expect((await client.delete(own(`/gateway-tokens/${machine.tokenId}`))).status).toBe(204);
      expect((await machine.report('n', 2)).status).toBe(401);
      expect(await shown(receipt)).toMatchObject({ complete: false, sessions: [{ state: 'pending' }] });
      const { events } = (await client.get(`/signet/v1/audit?resource_id=${machine.tokenId}&action=DeleteGatewayToken`)).body;
      expect(events).toHaveLength(1);
    });

    it('ends when an operator vouches for it, with an audit row in the project', async () => {
      await machine.report('gone', 1);
      const { sessionId } = (await machine.session('gone')) as TestSession;
      const receipt = await deleteGateway();
      expect((await client.get(own('/sessions'))).body).toMatchObject({ sessions: [{ node_id: 'gone' }] });
      const other = await service.client();
      expect((await other.delete(own(`/sessions/${sessionId}`))).status).toBe(404);
      expect((await client.delete(own(`/sessions/${sessionId}`))).status).toBe(204);
      expect(await shown(receipt)).toMatchObject({ complete: true, sessions: [{ state: 'vouched' }] });
      const { events } = (await client.get(`/signet/v1/audit?resource_id=${sessionId}&action=VouchForSession`)).body;
      expect(events).toHaveLength(1);
    });
  });

  describe('a credential of a deleted gateway', () => {
    it('is deleted when no session of the gateway is open any more, and not before', async () => {
      await machine.report('n', 1);
      await deleteGateway();
      await service.app.get(GatewayTokens).removeOrphaned();
      expect(await tokens()).toBe(1);
      await machine.report('n', 1, { leaving: true });
      await service.app.get(GatewayTokens).removeOrphaned();
      expect(await tokens()).toBeUndefined();
      expect((await machine.call('PUT', `/sessions/${'0'.repeat(32)}/report`, {})).status).toBe(401);
    });

    it('is kept if its gateway still exists', async () => {
      await service.app.get(GatewayTokens).removeOrphaned();
      expect(await tokens()).toBe(1);
    });

    it('of a verifier gets an empty list of keys', async () => {
      await client.post(`/v2/{project}/apigw/instances/${gateway}/signs`, { name: 'key' });
      const verifier = await Machine.of(client, gateway, 'verifier');
      const asked = (etag?: string | null) =>
        verifier.call('GET', '/verification-keys', undefined, {
          'signet-verifier': 'backend/3q2hZ8vX1cYk',
          ...(etag && { 'if-none-match': etag, prefer: 'wait=1' }),
        });
      const first = await asked();
      expect(first.body.keys).toHaveLength(1);
      const receipt = await deleteGateway();
      expect(await shown(receipt)).toMatchObject({ complete: true, refused_everywhere: false, verifiers: { state: 'behind' } });
      const second = await asked(first.headers.get('etag'));
      expect(second.body).toMatchObject({ revision: revisionOf(receipt), keys: [] });
      expect((await asked(second.headers.get('etag'))).status).toBe(304);
      expect(await shown(receipt)).toMatchObject({ refused_everywhere: true, verifiers: { state: 'complete' } });
    });
  });
});
