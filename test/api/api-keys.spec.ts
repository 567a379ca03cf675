import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Clock } from '../../src/common/clock.js';
import { Database } from '../../src/database/database.js';
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
    ])('201 for the mode %s: a key of 32 random characters, shown once', async (mode, shown) => {
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

    it('stores no key, only its hash under a pepper that is sealed', async () => {
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

    it('201 with a key, for a key of the same project', async () => {
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
    ])('400 for %s as %j', async (field, value) => {
      const { status, body } = await admin.post('/v1/api-keys', { [field]: value });
      expect([status, body.error.code, body.error.details]).toEqual([400, 'INVALID_REQUEST', { field }]);
    });

    it('403 for a reader', async () => {
      const reader = await service.client({ role: READ_ONLY });
      expect((await reader.post('/v1/api-keys', {})).body).toEqual(error('FORBIDDEN', 'Access denied'));
    });

    it('is one line of the trail, without the key', async () => {
      const { key, key_id, prefix } = (await admin.post('/v1/api-keys', { label: 'named', mode: 'test' })).body.data;
      const answer = await admin.get(`/signet/v1/audit?resource_id=${key_id}`);
      expect(answer.body.events).toMatchObject([
        { action: 'CreateApiKey', resource_type: 'ApiKey', resource_name: 'named', detail: { mode: 'test', prefix } },
      ]);
      expect(answer.text).not.toContain(key.slice(11));
    });
  });

  describe('GET /v1/api-keys', () => {
    it('200 the project’s keys, newest first, and nobody else’s', async () => {
      const own = await service.client();
      const made = [await own.post('/v1/api-keys', { label: 'a' }), await own.post('/v1/api-keys', {})].map(({ body }) => body.data);
      const { status, body } = await own.get('/v1/api-keys');
      expect([status, body]).toEqual([
        200,
        {
          data: made.reverse().map(({ key_id, label, prefix, created_at }) => ({ key_id, label, prefix, created_at, last_used_at: null })),
          meta,
        },
      ]);
    });

    it('says to the minute when a key was last used', async () => {
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
    it('200, and the next request with the key is refused', async () => {
      const made = (await admin.post('/v1/api-keys', {})).body.data;
      const client = new WebhookClient(service.baseUrl, made.key);
      expect((await client.get('/v1/endpoints')).status).toBe(200);
      const answer = await admin.delete(`/v1/api-keys/${made.key_id}`);
      expect([answer.status, answer.body]).toEqual([200, { data: { deleted: true }, meta }]);
      const refused = await client.get('/v1/endpoints');
      expect([refused.status, refused.body]).toEqual([401, error('UNAUTHORIZED', 'Invalid or missing API key')]);
      expect((await admin.get('/v1/api-keys')).text).not.toContain(made.key_id);
    });

    it('200 for the key in use, and for a project’s last', async () => {
      const own = await service.client();
      const made = (await own.post('/v1/api-keys', {})).body.data;
      const client = new WebhookClient(service.baseUrl, made.key);
      expect((await client.delete(`/v1/api-keys/${made.key_id}`)).status).toBe(200);
      expect((await client.get('/v1/api-keys')).status).toBe(401);
      expect((await own.get('/v1/api-keys')).body.data).toEqual([]);
    });

    it('404 for one that is not there, malformed, gone or another project’s: the same words', async () => {
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
    it('429 RATE_LIMITED with Retry-After, for wrong keys alone: a right one from the same address goes on', async () => {
      const own = await createTestDatabase(name);
      const limited = await TestService.start(own, { ...WEBHOOK_ENV, SIGNET_LOGIN_LIMIT_ADDRESS: '5/300' });
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

  describe('an API key', () => {
    it('opens nothing beyond the webhook contract', async () => {
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

    it('is refused with a letter changed, cut, in another mode, twice, or in another place', async () => {
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
