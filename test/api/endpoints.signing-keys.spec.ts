import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { type Client, TestService } from '../support/service.js';
import { WEBHOOK_ENV, WebhookClient } from '../support/webhooks.js';

const NOWHERE = '0123456789abcdef0123456789abcdef';
const meta = { request_id: expect.stringMatching(/^req_/) };
const error = (code: string, message: string) => ({ error: { code, message }, meta });

onBothDatabases((name) => {
  let database: TestDatabase;
  let service: TestService;
  let admin: Client;
  let client: WebhookClient;
  const keys = (endpointId: string, keyId?: string) => `/v1/endpoints/${endpointId}/signing-keys${keyId ? `/${keyId}` : ''}`;

  beforeAll(async () => {
    database = await createTestDatabase(name);
    service = await TestService.start(database, WEBHOOK_ENV);
    admin = await service.client();
    client = await WebhookClient.of(admin);
  });
  afterAll(async () => {
    await service.stop();
    await database.drop();
  });

  /** An endpoint with two keys, the newest first. */
  const twoKeys = async () => {
    const endpoint = await client.endpoint();
    const second = (await client.post(keys(endpoint.id))).body.data;
    return { id: endpoint.id, ids: [second.id, endpoint.signing_key_id] as [string, string] };
  };

  describe('GET /v1/endpoints/{id}/signing-keys', () => {
    it('200 newest first, with hints and without secrets', async () => {
      const { id, ids } = await twoKeys();
      const answer = await client.get(keys(id));
      expect([answer.status, answer.body]).toEqual([
        200,
        { data: ids.map((key) => ({ id: key, key_hint: expect.stringMatching(/^.{4}$/), created_at: expect.any(String) })), meta },
      ]);
      expect(answer.text).not.toContain('whsec_');
    });
  });

  describe('POST /v1/endpoints/{id}/signing-keys', () => {
    it('201 with a secret of 24 random bytes, shown once, and its last four characters as the hint', async () => {
      const { id } = await client.endpoint();
      const { status, body } = await client.post(keys(id));
      expect([status, body]).toEqual([
        201,
        {
          data: {
            id: expect.stringMatching(/^sk_[a-f0-9]{32}$/),
            signing_secret: expect.stringMatching(/^whsec_[A-Za-z0-9+/]{32}$/),
            key_hint: body.data.signing_secret.slice(-4),
            created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
          },
          meta,
        },
      ]);
      expect(Buffer.from(body.data.signing_secret.slice(6), 'base64')).toHaveLength(24);
      expect((await client.get(keys(id))).text).not.toContain(body.data.signing_secret);
    });

    it('409 for a third key, with the words of the contract, and two stay', async () => {
      const { id, ids } = await twoKeys();
      const answer = await client.post(keys(id));
      expect([answer.status, answer.body]).toEqual([
        409,
        error('MAX_SIGNING_KEYS_REACHED', 'Endpoint already has the maximum of 2 signing keys'),
      ]);
      expect((await client.get(keys(id))).body.data.map((key: { id: string }) => key.id)).toEqual(ids);
    });
  });

  describe('DELETE /v1/endpoints/{id}/signing-keys/{keyId}', () => {
    it.each([
      ['older', 1],
      ['newer', 0],
    ] as const)('204 without a body for the %s of two keys, and the other stays', async (_, index) => {
      const { id, ids } = await twoKeys();
      const answer = await client.delete(keys(id, ids[index]));
      expect([answer.status, answer.text]).toEqual([204, '']);
      expect((await client.get(keys(id))).body.data).toMatchObject([{ id: ids[1 - index] }]);
    });

    it('frees its place: a key can be added again, as often as one was deleted', async () => {
      const { id, ids } = await twoKeys();
      for (let [, oldest] = ids, newest = ids[0], i = 0; i < 4; i++) {
        expect((await client.delete(keys(id, oldest))).status).toBe(204);
        const added = await client.post(keys(id));
        expect(added.status).toBe(201);
        [oldest, newest] = [newest, added.body.data.id];
      }
    });

    it('404 for a key that was deleted, in the words for one that never was', async () => {
      const { id, ids } = await twoKeys();
      await client.delete(keys(id, ids[1]));
      const gone = await client.delete(keys(id, ids[1]));
      expect([gone.status, gone.body]).toEqual([404, error('NOT_FOUND', 'Signing key not found')]);
    });

    it.each([`sk_${NOWHERE}`, 'sk_x', 'x', `ep_${NOWHERE}`, '%00', "sk_' OR 1=1 --", `SK_${NOWHERE}`])(
      '404 for the key id %s, also when the endpoint has only one key',
      async (keyId) => {
        const { id } = await client.endpoint();
        const answer = await client.delete(keys(id, encodeURIComponent(keyId)));
        expect([answer.status, answer.body]).toEqual([404, error('NOT_FOUND', 'Signing key not found')]);
      },
    );

    it('404 for the key of another endpoint, which keeps it, before the last-key rule is looked at', async () => {
      const [one, other] = [await client.endpoint(), await client.endpoint()];
      const answer = await client.delete(keys(one.id, other.signing_key_id));
      expect([answer.status, answer.body]).toEqual([404, error('NOT_FOUND', 'Signing key not found')]);
      expect((await client.get(keys(other.id))).body.data).toMatchObject([{ id: other.signing_key_id }]);
    });

    it('409 for the last key, with the words of the contract, and it stays', async () => {
      const { id, signing_key_id } = await client.endpoint();
      const answer = await client.delete(keys(id, signing_key_id));
      expect([answer.status, answer.body]).toEqual([409, error('CANNOT_DELETE_LAST_SIGNING_KEY', 'Cannot delete the last signing key')]);
      expect((await client.get(keys(id))).body.data).toMatchObject([{ id: signing_key_id }]);
    });

    it('is one line of the trail, and a refusal is none', async () => {
      const { id, ids } = await twoKeys();
      await client.delete(keys(id, ids[0]));
      await client.delete(keys(id, ids[1]));
      const events = async (key: string) => (await admin.get(`/signet/v1/audit?resource_id=${key}`)).body.events;
      expect(await events(ids[0])).toMatchObject([
        { action: 'DeleteSigningKey', resource_type: 'SigningKey', detail: { endpoint_id: id } },
        { action: 'CreateSigningKey' },
      ]);
      expect(await events(ids[1])).toEqual([]);
    });
  });

  describe('every operation on signing keys', () => {
    const operations = (id: string, keyId = `sk_${NOWHERE}`): [string, string][] => [
      ['GET', keys(id)],
      ['POST', keys(id)],
      ['DELETE', keys(id, keyId)],
    ];

    it('401 without a key and with a wrong one, in the words of the contract', async () => {
      const { id } = await client.endpoint();
      for (const authorization of ['', 'Bearer', 'Bearer x', 'Basic x', `Bearer hb_live_${'x'.repeat(32)}`, client.key]) {
        for (const [method, path] of operations(id)) {
          const answer = await client.call(method, path, undefined, { authorization });
          expect([authorization, answer.status, answer.body]).toEqual([
            authorization,
            401,
            error('UNAUTHORIZED', 'Invalid or missing API key'),
          ]);
        }
      }
    });

    it('404 for an endpoint that is not there, malformed, deleted or another project’s: the same words', async () => {
      const other = await WebhookClient.of(await service.client());
      const theirs = await other.endpoint();
      const deleted = await client.endpoint();
      await client.delete(`/v1/endpoints/${deleted.id}`);
      for (const [id, keyId] of [
        [`ep_${NOWHERE}`],
        ['ep_x'],
        ['x'],
        [theirs.id, theirs.signing_key_id],
        [deleted.id, deleted.signing_key_id],
      ] as [string, string?][]) {
        for (const [method, path] of operations(id, keyId)) {
          const answer = await client.call(method, path);
          expect([method, id, answer.status, answer.body]).toEqual([method, id, 404, error('NOT_FOUND', 'Endpoint not found')]);
        }
      }
      expect((await other.get(keys(theirs.id))).body.data).toHaveLength(1);
    });
  });
});
