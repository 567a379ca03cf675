import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Database } from '../../src/platform/database/database.js';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { Machine } from '../support/machine.js';
import { type Client, TestService } from '../support/service.js';
import { TestSession } from '../support/session.js';

onBothDatabases((name) => {
  let database: TestDatabase;
  let service: TestService;
  let client: Client;
  let gateway: string;
  const tokens = (id = '') => `/signet/v1/instances/${gateway}/gateway-tokens${id}`;

  beforeAll(async () => {
    database = await createTestDatabase(name);
    service = await TestService.start(database);
    client = await service.client();
    gateway = await client.gateway();
  });
  afterAll(async () => {
    await service.stop();
    await database.drop();
  });

  describe('POST …/gateway-tokens', () => {
    it('answers 201 with a token of 256 random bits that is stored nowhere and shown once', async () => {
      const { status, body } = await client.post(tokens(), { name: 'edge' });
      expect(status).toBe(201);
      expect(body).toEqual({
        id: expect.any(String),
        name: 'edge',
        role: 'gateway',
        create_time: expect.any(String),
        expires_at: null,
        expired: false,
        client_certificate_sha256: null,
        renewal_of: null,
        sessions: 0,
        sessions_max: 1000,
        token: expect.any(String),
      });
      expect(body.token).toMatch(/^sgw_[A-Za-z0-9_-]{43}$/);
      const stored = await service.app.get(Database).rows('SELECT * FROM gateway_tokens');
      expect(JSON.stringify(stored)).not.toContain(body.token.slice(4));
      expect((await client.get(tokens())).text).not.toContain(body.token.slice(4));
      expect(service.logs.join('')).not.toContain(body.token.slice(4));
    });

    it('writes one change and one audit row', async () => {
      const { body } = await client.post(tokens(), {});
      const { events } = (await client.get(`/signet/v1/audit?resource_id=${body.id}`)).body;
      expect(events).toMatchObject([{ action: 'CreateGatewayToken', resource_type: 'GatewayToken', detail: { role: 'gateway' } }]);
    });

    it('answers 400 for an unknown role', async () => {
      expect((await client.post(tokens(), { role: 'admin' })).status).toBe(400);
    });

    it('answers 404 for a gateway of another project, with the same message as for an unknown one', async () => {
      const other = await service.client();
      const nowhere = '0123456789abcdef0123456789abcdef';
      const [theirs, none] = [await other.post(tokens(), {}), await other.post(tokens().replace(gateway, nowhere), {})];
      expect([theirs.status, theirs.body.title]).toEqual([404, none.body.title.replace(nowhere, gateway)]);
    });
  });

  describe('a credential', () => {
    it('opens the routes of its gateway', async () => {
      const machine = await Machine.of(client, gateway);
      expect((await machine.get('/snapshot')).status).toBe(200);
    });

    it('gets the same refusal for another gateway as for an unknown one', async () => {
      const machine = await Machine.of(client, gateway);
      const other = await client.gateway();
      const at = (instance: string) =>
        client.call('GET', `/signet/v1/instances/${instance}/snapshot`, undefined, { authorization: `Bearer ${machine.token}` });
      const [theirs, none] = [await at(other), await at('0123456789abcdef0123456789abcdef')];
      expect([theirs.status, none.status]).toEqual([404, 404]);
      expect(theirs.body.title.replace(other, '')).toBe(none.body.title.replace('0123456789abcdef0123456789abcdef', ''));
    });

    it('of a verifier gives no access to routes for gateways', async () => {
      const verifier = await Machine.of(client, gateway, 'verifier');
      expect((await verifier.get('/snapshot')).status).toBe(403);
      expect((await verifier.report('n', 0)).status).toBe(403);
    });

    it.each([
      ['missing', ''],
      ['of another scheme', 'Basic c2d3Xzox'],
      ['unknown', `Bearer sgw_${'A'.repeat(43)}`],
      ['no credential of ours', 'Bearer abc'],
      ['cut', 'Bearer sgw_'],
      ['two in one', `Bearer sgw_${'A'.repeat(43)} sgw_${'B'.repeat(43)}`],
    ])('that is %s gets 401', async (_, authorization) => {
      const at = `/signet/v1/instances/${gateway}/snapshot`;
      expect((await client.call('GET', at, undefined, authorization ? { authorization } : {})).status).toBe(401);
    });

    it('gives no access to routes for users, as a user’s token gives none to routes for gateways', async () => {
      const machine = await Machine.of(client, gateway);
      expect((await machine.get('/sessions')).status).toBe(401);
      expect((await client.get(`/signet/v1/instances/${gateway}/snapshot`)).status).toBe(401);
    });
  });

  describe('DELETE …/gateway-tokens/{id}', () => {
    it('answers 204 and ends the credential and its open streams at once', async () => {
      const machine = await Machine.of(client, gateway);
      const watch = await machine.watch();
      await watch.until(({ events }) => events.length > 0);
      expect((await client.delete(tokens(`/${machine.tokenId}`))).status).toBe(204);
      expect((await machine.get('/snapshot')).status).toBe(401);
      await watch.until(({ ended }) => ended, 1000);
      expect((await client.delete(tokens(`/${machine.tokenId}`))).status).toBe(404);
    });

    it('answers 404 for a credential of another gateway', async () => {
      const machine = await Machine.of(client, await client.gateway());
      expect((await client.delete(tokens(`/${machine.tokenId}`))).status).toBe(404);
    });
  });

  describe('in production', () => {
    it('a credential gets 403 on a connection without TLS, unless the operator declares the network as trusted', async () => {
      const kek = `k1:${Buffer.from(Array.from({ length: 32 }, (_, i) => i * 7 + 1)).toString('base64')}`;
      const fresh = await createTestDatabase(name);
      const at = (base: string, instance: string, token: string, headers = {}) =>
        fetch(`${base}/signet/v1/instances/${instance}/sessions/${'0'.repeat(32)}/report`, {
          method: 'PUT',
          headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
          body: JSON.stringify(new TestSession(instance, 'n').report(0, { epoch: 'e' })),
        });
      for (const [plaintext, status] of [
        ['refuse', 403],
        ['allow', 409],
      ] as const) {
        const production = await TestService.start(fresh, {
          SIGNET_MODE: 'production',
          SIGNET_KEK: kek,
          SIGNET_GATEWAY_PLAINTEXT: plaintext,
        });
        try {
          const operator = await production.client({ project: `p_${plaintext}` });
          const instance = await operator.gateway();
          const machine = await Machine.of(operator, instance);
          // In order: a proxy on this machine that terminates TLS, a proxy that was reached without TLS, and an unknown header value.
          expect((await at(production.baseUrl, instance, machine.token)).status).toBe(409);
          expect((await at(production.baseUrl, instance, machine.token, { 'x-forwarded-proto': 'https' })).status).toBe(409);
          expect((await at(production.baseUrl, instance, machine.token, { 'x-forwarded-proto': 'http' })).status).toBe(status);
        } finally {
          await production.stop();
        }
      }
      await fresh.drop();
    });
  });
});
