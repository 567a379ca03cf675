import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Clock } from '../../src/platform/common/clock.js';
import { Database } from '../../src/platform/database/database.js';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { type Client, READ_ONLY, TestService } from '../support/service.js';
import { WEBHOOK_ENV, WebhookClient } from '../support/webhooks.js';

const meta = { request_id: expect.stringMatching(/^req_/) };
const error = (code: string, message: string) => ({ error: { code, message }, meta });
const INSTANT = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);

onBothDatabases((name) => {
  let database: TestDatabase;
  let service: TestService;
  let admin: Client;

  beforeAll(async () => {
    database = await createTestDatabase(name);
    service = await TestService.start(database, WEBHOOK_ENV);
    admin = await service.client();
  });
  afterAll(async () => {
    await service.stop();
    await database.drop();
  });

  const row = async (id: string) => (await service.app.get(Database).rows<any>('SELECT * FROM api_keys WHERE id = ?', [id]))[0];

  describe('POST /v1/api-keys', () => {
    it.each([
      ['live', 'live'],
      ['test', 'test'],
      [undefined, 'live'],
    ])('answers 201 for the mode %s with a key of 32 random characters, which is shown once', async (mode, shown) => {
      const { status, body } = await admin.post('/v1/api-keys', { label: 'ci', ...(mode && { mode }) });
      expect([status, body]).toEqual([
        201,
        {
          data: {
            key_id: expect.stringMatching(/^key_[a-f0-9]{32}$/),
            key: expect.stringMatching(new RegExp(`^hb_${shown}_[A-Za-z0-9]{32}$`)),
            prefix: body.data.key.slice(0, 11),
            label: 'ci',
            created_at: INSTANT,
          },
          meta,
        },
      ]);
    });

    it('stores only the hash of a key, under a sealed pepper', async () => {
      const { body } = await admin.post('/v1/api-keys', {});
      const { key, key_id } = body.data;
      const stored = await row(key_id);
      expect(stored.key_hash).toMatch(/^[a-f0-9]{64}$/);
      const { createHash } = await import('node:crypto');
      expect(stored.key_hash).not.toBe(createHash('sha256').update(key).digest('hex'));
      expect(JSON.stringify(stored)).not.toContain(key.slice(11));
      const [pepper] = await service.app.get(Database).rows<any>('SELECT * FROM api_key_peppers');
      expect(pepper.pepper).toMatch(/^K1\./);
      expect((await admin.get('/v1/api-keys')).text).not.toContain(key.slice(11));
    });

    it('answers 201 for a caller with a key of the same project', async () => {
      const client = await WebhookClient.of(admin);
      expect((await client.post('/v1/api-keys')).status).toBe(201);
      expect((await client.post('/v1/api-keys', [])).status).toBe(201);
    });

    it.each([
      ['label', 1],
      ['label', 'x'.repeat(256)],
      ['label', ['x']],
      ['mode', 'prod'],
      ['mode', 1],
      ['mode', 'LIVE'],
    ])('answers 400 for %s as %j', async (field, value) => {
      const { status, body } = await admin.post('/v1/api-keys', { [field]: value });
      expect([status, body.error.code, body.error.details]).toEqual([400, 'INVALID_REQUEST', { field }]);
    });

    it('answers 403 for a reader', async () => {
      const reader = await service.client({ role: READ_ONLY });
      expect((await reader.post('/v1/api-keys', {})).body).toEqual(error('FORBIDDEN', 'Access denied'));
    });

    it('writes one audit row, without the key', async () => {
      const { key, key_id, prefix } = (await admin.post('/v1/api-keys', { label: 'named', mode: 'test' })).body.data;
      const answer = await admin.get(`/signet/v1/audit?resource_id=${key_id}`);
      expect(answer.body.events).toMatchObject([
        { action: 'CreateApiKey', resource_type: 'ApiKey', resource_name: 'named', detail: { mode: 'test', prefix } },
      ]);
      expect(answer.text).not.toContain(key.slice(11));
    });
  });

  describe('GET /v1/api-keys', () => {
    it('answers 200 with the keys of the project only, newest first', async () => {
      const own = await service.client();
      const made = [await own.post('/v1/api-keys', { label: 'a' }), await own.post('/v1/api-keys', {})].map(({ body }) => body.data);
      const { status, body } = await own.get('/v1/api-keys');
      expect([status, body]).toEqual([
        200,
        {
          data: made
            .reverse()
            .map(({ key_id, label, prefix, created_at }) => ({ key_id, label, prefix, parent_id: null, created_at, last_used_at: null })),
          meta,
        },
      ]);
    });

    it('shows the last use of a key, to the minute', async () => {
      const client = await WebhookClient.of(admin);
      const clock = service.app.get(Clock);
      const before = clock.now();
      await client.get('/v1/endpoints');
      const lastUsed = async () =>
        (await admin.get('/v1/api-keys')).body.data.find(({ prefix }: { prefix: string }) => client.key.startsWith(prefix)).last_used_at;
      while ((await lastUsed()) === null);
      expect(Math.abs(Date.parse(await lastUsed()) - before)).toBeLessThan(60_000);
    });
  });

  describe('DELETE /v1/api-keys/{id}', () => {
    it('answers 200, and the next request with the key is refused', async () => {
      const made = (await admin.post('/v1/api-keys', {})).body.data;
      const client = new WebhookClient(service.baseUrl, made.key);
      expect((await client.get('/v1/endpoints')).status).toBe(200);
      const answer = await admin.delete(`/v1/api-keys/${made.key_id}`);
      expect([answer.status, answer.body]).toEqual([200, { data: { deleted: true }, meta }]);
      const refused = await client.get('/v1/endpoints');
      expect([refused.status, refused.body]).toEqual([401, error('UNAUTHORIZED', 'Invalid or missing API key')]);
      expect((await admin.get('/v1/api-keys')).text).not.toContain(made.key_id);
    });

    it('answers 200 for the key in use and for the last key of a project', async () => {
      const own = await service.client();
      const made = (await own.post('/v1/api-keys', {})).body.data;
      const client = new WebhookClient(service.baseUrl, made.key);
      expect((await client.delete(`/v1/api-keys/${made.key_id}`)).status).toBe(200);
      expect((await client.get('/v1/api-keys')).status).toBe(401);
      expect((await own.get('/v1/api-keys')).body.data).toEqual([]);
    });

    it('answers 404 with the same message for an unknown, malformed, deleted or foreign key', async () => {
      const theirs = (await (await service.client()).post('/v1/api-keys', {})).body.data.key_id;
      const gone = (await admin.post('/v1/api-keys', {})).body.data.key_id;
      await admin.delete(`/v1/api-keys/${gone}`);
      for (const id of [`key_${'0'.repeat(32)}`, 'key_x', 'x', '%27', theirs, gone]) {
        const answer = await admin.delete(`/v1/api-keys/${id}`);
        expect([id, answer.status, answer.body]).toEqual([id, 404, error('NOT_FOUND', 'API key not found')]);
      }
      expect(await row(theirs)).toBeDefined();
    });
  });

  describe('too many wrong keys', () => {
    it('get 429 RATE_LIMITED with Retry-After, while a valid key from the same address still works', async () => {
      const own = await createTestDatabase(name);
      const limited = await TestService.start(own, { ...WEBHOOK_ENV, SIGNET_RATE_LIMITS: 'login-address=5/300s' });
      try {
        const client = await WebhookClient.of(await limited.client());
        const wrong = (key: string) => client.call('GET', '/v1/endpoints', undefined, { authorization: `Bearer ${key}` });
        for (const key of ['x', `hb_live_${'x'.repeat(32)}`, 'hb_live_', `hb_test_${'y'.repeat(32)}`, 'z'])
          expect((await wrong(key)).status).toBe(401);
        for (const key of ['x', `hb_live_${'x'.repeat(32)}`]) {
          const answer = await wrong(key);
          expect([answer.status, answer.body]).toEqual([429, error('RATE_LIMITED', 'Too many requests')]);
          expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
        }
        expect((await client.get('/v1/endpoints')).status).toBe(200);
      } finally {
        await limited.stop();
        await own.drop();
      }
    });
  });

  describe('an API key that created other keys', () => {
    const made = async (by: Client | WebhookClient) => {
      const { key, key_id } = (await by.post('/v1/api-keys', {})).body.data;
      return { id: key_id as string, client: new WebhookClient(service.baseUrl, key as string) };
    };
    const works = async ({ client }: { client: WebhookClient }) => (await client.get('/v1/endpoints')).status === 200;

    it('is shown as their parent, and its revocation revokes them and no other key', async () => {
      const [leaked, other] = [await made(admin), await made(admin)];
      const [child, sibling] = [await made(leaked.client), await made(leaked.client)];
      const grandchild = await made(child.client);
      const listed = (await admin.get('/v1/api-keys')).body.data as { key_id: string; parent_id: string | null }[];
      const parentOf = ({ id }: { id: string }) => listed.find(({ key_id }) => key_id === id)!.parent_id;
      expect([leaked, child, sibling, grandchild].map(parentOf)).toEqual([null, leaked.id, leaked.id, child.id]);
      const answer = await admin.delete(`/v1/api-keys/${leaked.id}`);
      expect([answer.status, answer.body.data.deleted, answer.body.data.also_deleted.sort()]).toEqual([
        200,
        true,
        [child.id, sibling.id, grandchild.id].sort(),
      ]);
      expect(await Promise.all([leaked, child, sibling, grandchild, other].map(works))).toEqual([false, false, false, false, true]);
      const audit = (await admin.get(`/signet/v1/audit?resource_id=${leaked.id}`)).text;
      for (const { id } of [child, sibling, grandchild]) expect(audit).toContain(id);
    });

    it('passes them to its own parent on request, so that a key can be replaced by one that it created', async () => {
      const first = await made(admin);
      const second = await made(first.client);
      const third = await made(second.client);
      expect((await third.client.delete(`/v1/api-keys/${second.id}?keep_children=true`)).body.data).toEqual({ deleted: true });
      expect(await Promise.all([first, second, third].map(works))).toEqual([true, false, true]);
      expect((await admin.delete(`/v1/api-keys/${first.id}`)).body.data.also_deleted).toEqual([third.id]);
      expect((await admin.delete(`/v1/api-keys/${first.id}?keep_children=yes`)).status).toBe(400);
    });

    it('creates no key that outlives it, also concurrently with its revocation', async () => {
      for (let round = 0; round < 20; round++) {
        const leaked = await made(admin);
        const making = Array.from({ length: 4 }, () => leaked.client.post('/v1/api-keys', {}));
        const revoked = admin.delete(`/v1/api-keys/${leaked.id}`);
        const answers = await Promise.all(making);
        expect((await revoked).status).toBe(200);
        for (const { status, body } of answers) {
          expect([201, 401]).toContain(status);
          if (status === 201) expect(await works({ client: new WebhookClient(service.baseUrl, body.data.key as string) })).toBe(false);
        }
      }
    });
  });

  describe('an API key', () => {
    it('gives access to the webhook API only', async () => {
      const client = await WebhookClient.of(admin);
      const gateway = await admin.gateway();
      for (const path of [
        `/v2/${admin.projectId}/apigw/instances`,
        `/v2/${admin.projectId}/apigw/instances/${gateway}/signs`,
        '/signet/v1/audit',
        '/v3/projects',
        `/signet/v1/instances/${gateway}/snapshot`,
      ]) {
        expect([path, (await client.get(path)).status]).toEqual([path, 401]);
        const asToken = await client.call('GET', path, undefined, { authorization: '', 'x-auth-token': client.key });
        expect([path, asToken.status]).toEqual([path, 401]);
      }
    });

    it('is refused if it is altered, cut, in another mode, sent twice or in another place', async () => {
      const client = await WebhookClient.of(admin);
      const { key } = client;
      const changed = key.slice(0, -1) + (key.endsWith('a') ? 'b' : 'a');
      for (const authorization of [changed, key.slice(0, -1), `${key}a`, key.replace('live', 'test'), `${key} ${key}`, key.toUpperCase()]) {
        const answer = await client.call('GET', '/v1/endpoints', undefined, { authorization: `Bearer ${authorization}` });
        expect([answer.status, answer.body]).toEqual([401, error('UNAUTHORIZED', 'Invalid or missing API key')]);
      }
      for (const headers of [{ 'x-api-key': key }, { cookie: `key=${key}` }, { authorization: `Basic ${key}` }] as Record<
        string,
        string
      >[]) {
        expect((await client.call('GET', `/v1/endpoints?key=${key}`, undefined, { authorization: '', ...headers })).status).toBe(401);
      }
      expect((await client.call('GET', '/v1/endpoints', undefined, { authorization: `bearer ${key}` })).status).toBe(200);
    });
  });
});
