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

  /** An endpoint and the ids of its two keys, the newest first. */
  const twoKeys = async () => {
    const endpoint = await client.endpoint();
    const second = (await client.post(keys(endpoint.id))).body.data;
    return { id: endpoint.id, ids: [second.id, endpoint.signing_key_id] as [string, string] };
  };

  describe('GET /v1/endpoints/{id}/signing-keys', () => {
    it('answers 200 with the newest key first, with hints and without secrets', async () => {
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
    it('answers 201 with a secret of 24 random bytes, which is shown once, and its last four characters as the hint', async () => {
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

    it('answers 409 for a third key, with the contract’s message, and both keys stay', async () => {
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
    ] as const)('answers 204 without a body for the %s of two keys, and the other stays', async (_, index) => {
      const { id, ids } = await twoKeys();
      const answer = await client.delete(keys(id, ids[index]));
      expect([answer.status, answer.text]).toEqual([204, '']);
      expect((await client.get(keys(id))).body.data).toMatchObject([{ id: ids[1 - index] }]);
    });

    it('lets another key be added after each deletion', async () => {
      const { id, ids } = await twoKeys();
      for (let [, oldest] = ids, newest = ids[0], i = 0; i < 4; i++) {
        expect((await client.delete(keys(id, oldest))).status).toBe(204);
        const added = await client.post(keys(id));
        expect(added.status).toBe(201);
        [oldest, newest] = [newest, added.body.data.id];
      }
    });

    it('answers 404 for a deleted key, with the message for an unknown key', async () => {
      const { id, ids } = await twoKeys();
      await client.delete(keys(id, ids[1]));
      const gone = await client.delete(keys(id, ids[1]));
      expect([gone.status, gone.body]).toEqual([404, error('NOT_FOUND', 'Signing key not found')]);
    });

    it.each([`sk_${NOWHERE}`, 'sk_x', 'x', `ep_${NOWHERE}`, '%00', "sk_' OR 1=1 --", `SK_${NOWHERE}`])(
      'answers 404 for the key id %s, also when the endpoint has only one key',
      async (keyId) => {
        const { id } = await client.endpoint();
        const answer = await client.delete(keys(id, encodeURIComponent(keyId)));
        expect([answer.status, answer.body]).toEqual([404, error('NOT_FOUND', 'Signing key not found')]);
      },
    );

    it('answers 404 for the key of another endpoint, which keeps it, before it checks the rule of the last key', async () => {
      const [one, other] = [await client.endpoint(), await client.endpoint()];
      const answer = await client.delete(keys(one.id, other.signing_key_id));
      expect([answer.status, answer.body]).toEqual([404, error('NOT_FOUND', 'Signing key not found')]);
      expect((await client.get(keys(other.id))).body.data).toMatchObject([{ id: other.signing_key_id }]);
    });

    it('answers 409 for the last key, with the contract’s message, and the key stays', async () => {
      const { id, signing_key_id } = await client.endpoint();
      const answer = await client.delete(keys(id, signing_key_id));
      expect([answer.status, answer.body]).toEqual([409, error('CANNOT_DELETE_LAST_SIGNING_KEY', 'Cannot delete the last signing key')]);
      expect((await client.get(keys(id))).body.data).toMatchObject([{ id: signing_key_id }]);
    });

    it('writes one audit row, and none if it is refused', async () => {
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

    it('answers 401 without an API key and with a wrong one, with the contract’s message', async () => {
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

    it('answers 404 with the same message for an unknown, malformed, deleted or foreign endpoint', async () => {
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

  it.each([
    ['text', 'text/plain', 'rotate'],
    ['a form', 'application/x-www-form-urlencoded', 'a=b'],
    ['XML', 'application/xml', '<a/>'],
    ['no JSON', 'application/json', '{'],
    ['no type', '', 'x'],
    ['an unknown type', 'nonsense', 'x'],
  ])('POST ignores a body of %s', async (_, type, body) => {
    const { id } = await client.endpoint();
    const answer = await client.call('POST', `/v1/endpoints/${id}/signing-keys`, body, { 'content-type': type });
    expect([answer.status, answer.body.data?.key_hint?.length]).toEqual([201, 4]);
  });

  it('POST ignores a compressed body', async () => {
    const { id } = await client.endpoint();
    const answer = await client.call('POST', `/v1/endpoints/${id}/signing-keys`, 'x', { 'content-encoding': 'gzip' });
    expect(answer.status).toBe(201);
  });

  it('DELETE with dry_run=true deletes nothing, and returns the keys that would be left, or the error of the deletion', async () => {
    const { id, signing_key_id } = await client.endpoint();
    const path = (keyId: string) => `/v1/endpoints/${id}/signing-keys/${keyId}`;
    const last = await client.delete(`${path(signing_key_id)}?dry_run=true`);
    expect([last.status, last.body.error.code]).toEqual([409, 'CANNOT_DELETE_LAST_SIGNING_KEY']);
    const added = (await client.post(`/v1/endpoints/${id}/signing-keys`)).body.data;
    const answer = await client.delete(`${path(signing_key_id)}?dry_run=true`);
    expect([answer.status, answer.body]).toEqual([
      200,
      {
        data: { dry_run: true, id: signing_key_id, remaining_key_id: added.id, remaining_key_keeps_no_end: false, last_used_at: null },
        meta: { request_id: expect.stringMatching(/^req_/) },
      },
    ]);
    expect((await client.delete(`${path(`sk_${'0'.repeat(32)}`)}?dry_run=true`)).status).toBe(404);
    for (const odd of ['1', 'yes', 'TRUE']) expect((await client.delete(`${path(signing_key_id)}?dry_run=${odd}`)).status).toBe(400);
    expect((await client.get(`/v1/endpoints/${id}/signing-keys`)).body.data).toHaveLength(2);
    expect((await client.delete(`${path(signing_key_id)}?dry_run=false`)).status).toBe(204);
  });

  it('every other DELETE refuses a dry run and does nothing', async () => {
    const { id } = await client.endpoint();
    const answer = await client.delete(`/v1/endpoints/${id}?dry_run=true`);
    expect([answer.status, answer.body.error.details]).toEqual([400, { field: 'dry_run' }]);
    expect((await client.get(`/v1/endpoints/${id}`)).status).toBe(200);
  });

  it('an answer with 401 names the accepted credentials', async () => {
    const answer = await new WebhookClient(client.baseUrl, '').get('/v1/endpoints');
    expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([401, 'Bearer realm="signet"']);
    const other = await fetch(`${client.baseUrl}/v3/projects`);
    expect([other.status, other.headers.get('www-authenticate')]).toEqual([401, 'Keystone uri="/v3", SDK-HMAC-SHA256']);
  });
});
