import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Database } from '../../src/platform/database/database.js';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { type Client, READ_ONLY, TestService } from '../support/service.js';
import { newUrl, WEBHOOK_ENV, WebhookClient } from '../support/webhooks.js';

const NOWHERE = `ep_${'0123456789abcdef'.repeat(2)}`;
const meta = { request_id: expect.stringMatching(/^req_/) };
const error = (code: string, message: string) => ({ error: { code, message }, meta });
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

onBothDatabases((name) => {
  let database: TestDatabase;
  let service: TestService;
  let admin: Client;
  let client: WebhookClient;

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

  const trail = async (id: string): Promise<unknown[]> => (await admin.get(`/signet/v1/audit?resource_id=${id}`)).body.events;

  describe('POST /v1/endpoints', () => {
    it('answers 201 with the fields that every client reads, and the first key’s secret', async () => {
      const url = newUrl();
      const { status, body } = await client.post('/v1/endpoints', {
        url,
        description: 'orders',
        rate_limit_rps: 10,
        headers: { 'X-A': 'b' },
      });
      expect([status, body]).toEqual([
        201,
        {
          data: {
            id: expect.stringMatching(/^ep_[a-f0-9]{32}$/),
            url,
            description: 'orders',
            rate_limit_rps: 10,
            burst: 10,
            headers: { 'X-A': 'b' },
            hmac_enabled: true,
            paused: false,
            signing_key_id: expect.stringMatching(/^sk_[a-f0-9]{32}$/),
            signing_secret: expect.stringMatching(/^whsec_[A-Za-z0-9+/]{32}$/),
            key_hint: body.data.signing_secret.slice(-4),
            created_at: expect.stringMatching(INSTANT),
            updated_at: body.data.created_at,
          },
          meta,
        },
      ]);
      expect((await client.get(`/v1/endpoints/${body.data.id}/signing-keys`)).body.data).toMatchObject([{ id: body.data.signing_key_id }]);
    });

    it('answers 201 for a body with only a URL, and for empty maps as PHP sends them', async () => {
      for (const extra of [
        {},
        { headers: [] },
        { headers: {} },
        { hmac_enabled: true },
        { description: null, burst: null, headers: null },
      ]) {
        const { status, body } = await client.post('/v1/endpoints', { url: newUrl(), ...extra });
        expect([extra, status, body.data]).toMatchObject([extra, 201, { description: '', rate_limit_rps: 0, burst: 0, headers: {} }]);
      }
    });

    it('answers 201 for a URL with escaped slashes, which counts as the same URL without them', async () => {
      const url = newUrl();
      const answer = await client.post('/v1/endpoints', `{"url":${JSON.stringify(url).replaceAll('/', '\\/')}}`);
      expect([answer.status, answer.body.data.url]).toEqual([201, url]);
    });

    it('answers 409 DUPLICATE_URL for a URL of the project in any spelling, and accepts a URL of another project', async () => {
      const url = `https://example.com/${Math.floor(performance.now() * 1000)}/a`;
      expect((await client.post('/v1/endpoints', { url })).status).toBe(201);
      for (const spelling of [url, url.replace('https://example.com/', 'HTTPS://EXAMPLE.com:443/./')]) {
        const answer = await client.post('/v1/endpoints', { url: spelling });
        expect([answer.status, answer.body]).toEqual([
          409,
          error('DUPLICATE_URL', 'An endpoint with this URL already exists in the project'),
        ]);
      }
      const other = await WebhookClient.of(await service.client());
      expect((await other.post('/v1/endpoints', { url })).status).toBe(201);
    });

    it.each(['\u0000', '😀'.repeat(250), 'a\r\nb', '<script>', "'; DROP TABLE webhook_endpoints; --", '％'])(
      'answers 201 for the description %j, which is stored unchanged',
      async (description) => {
        const { id } = await client.endpoint({ description });
        expect((await client.get(`/v1/endpoints/${id}`)).body.data.description).toBe(description);
      },
    );

    it('answers 201 for half a surrogate pair, which no charset can encode', async () => {
      const answer = await client.post('/v1/endpoints', `{"url":${JSON.stringify(newUrl())},"description":"\\ud800"}`);
      expect(answer.status).toBe(201);
      expect((await client.get(`/v1/endpoints/${answer.body.data.id}`)).body.data.description).toMatch(/^\ufffd+$/);
    });

    it('stores the headers and the secret sealed', async () => {
      const { id, signing_secret } = await client.endpoint({ headers: { 'X-Receiver-Token': 'canary-of-a-header' } });
      const tables = await Promise.all(
        ['webhook_endpoints', 'signing_keys'].map((table) => service.app.get(Database).rows(`SELECT * FROM ${table}`)),
      );
      expect(JSON.stringify(tables)).toContain(id);
      expect(JSON.stringify(tables)).not.toMatch(new RegExp(`canary-of-a-header|${signing_secret.slice(6).replaceAll('+', '\\+')}`));
      expect((await client.get(`/v1/endpoints/${id}`)).body.data.headers).toEqual({ 'X-Receiver-Token': 'canary-of-a-header' });
    });

    it('writes one audit row, and none if it is refused', async () => {
      const url = newUrl();
      const { id, signing_key_id } = await client.endpoint({ url });
      await client.post('/v1/endpoints', { url });
      const keyId = (await admin.get('/v1/api-keys')).body.data[0].key_id;
      expect(await trail(id)).toMatchObject([
        { action: 'CreateWebhookEndpoint', resource_type: 'WebhookEndpoint', detail: { signing_key_id }, user_id: keyId },
      ]);
    });
  });

  describe('GET /v1/endpoints', () => {
    it('answers 200 page by page with each endpoint once, newest first, and with both marks of the last page', async () => {
      const own = await WebhookClient.of(await service.client());
      const made: string[] = [];
      for (let i = 0; i < 5; i++) made.unshift((await own.endpoint()).id);
      const seen: string[] = [];
      let cursor = '';
      for (let page = 0; page < 3; page++) {
        const { status, body } = await own.get(`/v1/endpoints?limit=2&cursor=${cursor}`);
        const last = page === 2;
        expect([status, body]).toEqual([
          200,
          {
            data: expect.any(Array),
            meta: { ...meta, next_cursor: last ? null : expect.any(String), has_more: !last },
          },
        ]);
        for (const row of body.data) {
          expect(Object.keys(row).sort()).toEqual(['created_at', 'description', 'id', 'paused', 'url']);
          expect(row.paused).toBe(false);
          seen.push(row.id);
        }
        cursor = body.meta.next_cursor;
      }
      expect(seen).toEqual(made);
    });

    it('answers 200 with an empty list and no cursor for a project without endpoints', async () => {
      const own = await WebhookClient.of(await service.client());
      expect((await own.get('/v1/endpoints')).body).toEqual({ data: [], meta: { ...meta, next_cursor: null, has_more: false } });
    });

    it('answers 200 with fifty endpoints unless the caller asks for another number', async () => {
      const own = await WebhookClient.of(await service.client());
      await Promise.all(Array.from({ length: 51 }, () => own.endpoint()));
      const { body } = await own.get('/v1/endpoints');
      expect([body.data.length, body.meta.has_more]).toEqual([50, true]);
      expect((await own.get('/v1/endpoints?limit=100')).body.data).toHaveLength(51);
    });

    it.each(['limit=0', 'limit=101', 'limit=x', 'limit=1e1', 'limit=0x10', 'limit=1.5', 'limit=-1', 'limit=1&limit=2'])(
      'answers 400 for %s',
      async (query) => {
        const { status, body } = await client.get(`/v1/endpoints?${query}`);
        expect([status, body.error.code, body.error.details]).toEqual([400, 'INVALID_REQUEST', { field: 'limit' }]);
      },
    );

    it.each(['x', NOWHERE, Buffer.from("ep_x' OR 1=1 --").toString('base64url'), 'a'.repeat(300)])(
      'answers 400 for the cursor %s',
      async (cursor) => {
        const { status, body } = await client.get(`/v1/endpoints?cursor=${cursor}`);
        expect([status, body.error.code, body.error.details]).toEqual([400, 'INVALID_REQUEST', { field: 'cursor' }]);
      },
    );

    it('a cursor of another project shows nothing of it', async () => {
      const other = await WebhookClient.of(await service.client());
      for (let i = 0; i < 2; i++) await other.endpoint();
      const { next_cursor } = (await other.get('/v1/endpoints?limit=1')).body.meta;
      const theirs = (await other.get('/v1/endpoints')).body.data.map(({ id }: { id: string }) => id);
      const ids = (await client.get(`/v1/endpoints?cursor=${next_cursor}`)).body.data.map(({ id }: { id: string }) => id);
      expect(ids.filter((id: string) => theirs.includes(id))).toEqual([]);
    });
  });

  describe('GET /v1/endpoints/{id}', () => {
    it('answers 200 with everything but secret and hint', async () => {
      const { id, url, created_at } = await client.endpoint({ rate_limit_rps: 5, burst: 7 });
      const answer = await client.get(`/v1/endpoints/${id}`);
      expect([answer.status, answer.body]).toEqual([
        200,
        {
          data: {
            id,
            url,
            description: '',
            rate_limit_rps: 5,
            burst: 7,
            headers: {},
            hmac_enabled: true,
            paused: false,
            created_at,
            updated_at: created_at,
          },
          meta,
        },
      ]);
    });
  });

  describe('PATCH /v1/endpoints/{id}', () => {
    it('answers 200 with the whole endpoint and `updated`, and omitted fields stay', async () => {
      const { id, url } = await client.endpoint({ description: 'before', rate_limit_rps: 5, headers: { 'X-A': '1' } });
      const { status, body } = await client.patch(`/v1/endpoints/${id}`, { description: 'after' });
      expect([status, body.data]).toMatchObject([
        200,
        { id, updated: true, url, description: 'after', rate_limit_rps: 5, burst: 5, headers: { 'X-A': '1' }, paused: false },
      ]);
      const shown = (await client.get(`/v1/endpoints/${id}`)).body.data;
      expect(body.data).toEqual({ ...shown, updated: true });
    });

    it('changes each field', async () => {
      const { id } = await client.endpoint({ headers: { 'X-A': '1' } });
      for (const patch of [
        { url: newUrl() },
        { description: 'x' },
        { rate_limit_rps: 1000 },
        { burst: 10_000 },
        { headers: { 'X-B': '2' } },
        { headers: {} },
        { rate_limit_rps: 0, burst: 0, description: '' },
      ]) {
        expect([patch, (await client.patch(`/v1/endpoints/${id}`, patch)).status]).toEqual([patch, 200]);
        expect((await client.get(`/v1/endpoints/${id}`)).body.data).toMatchObject(patch);
      }
    });

    it.each([
      ['an empty object', {}],
      ['an empty PHP array', []],
      ['nulls', { url: null, description: null, headers: null }],
      ['unknown fields', { id: 'ep_x', paused: true, created_at: 'x', signing_secret: 'x', project_id: 'x' }],
      ['the values that it has already', { description: '' }],
      ['hmac_enabled', { hmac_enabled: false }],
    ])('answers 200 for %s, and changes nothing', async (_, patch) => {
      const { id } = await client.endpoint();
      const before = (await client.get(`/v1/endpoints/${id}`)).body.data;
      const answer = await client.patch(`/v1/endpoints/${id}`, patch);
      expect([answer.status, answer.body.data]).toEqual([200, { ...before, updated: true }]);
      expect((await client.get(`/v1/endpoints/${id}`)).body.data).toEqual(before);
      expect(await trail(id)).toHaveLength(1);
    });

    it('answers 200 without a body', async () => {
      const { id } = await client.endpoint();
      expect((await client.patch(`/v1/endpoints/${id}`)).status).toBe(200);
    });

    it('answers 409 DUPLICATE_URL for another endpoint’s URL, and accepts the endpoint’s own', async () => {
      const [one, other] = [await client.endpoint(), await client.endpoint()];
      expect((await client.patch(`/v1/endpoints/${one.id}`, { url: one.url, description: 'x' })).status).toBe(200);
      const answer = await client.patch(`/v1/endpoints/${one.id}`, { url: other.url, description: 'y' });
      expect([answer.status, answer.body.error.code]).toEqual([409, 'DUPLICATE_URL']);
      expect((await client.get(`/v1/endpoints/${one.id}`)).body.data).toMatchObject({ url: one.url, description: 'x' });
    });

    it('frees the old URL', async () => {
      const { id, url } = await client.endpoint();
      await client.patch(`/v1/endpoints/${id}`, { url: newUrl() });
      expect((await client.post('/v1/endpoints', { url })).status).toBe(201);
    });

    it('writes one audit row, which names the changed fields and no value', async () => {
      const { id } = await client.endpoint();
      await client.patch(`/v1/endpoints/${id}`, { headers: { 'X-A': 'canary-value' }, burst: 3 });
      const events = await trail(id);
      expect(events).toMatchObject([{ action: 'UpdateWebhookEndpoint', detail: { changed: ['burst', 'headers'] } }, {}]);
      expect(JSON.stringify(events)).not.toContain('canary-value');
    });
  });

  describe('DELETE /v1/endpoints/{id}', () => {
    it('answers 200, after which the endpoint does not exist and its URL is free', async () => {
      const { id, url } = await client.endpoint({ headers: { 'X-A': 'b' } });
      const answer = await client.delete(`/v1/endpoints/${id}`);
      expect([answer.status, answer.body]).toEqual([200, { data: { deleted: true }, meta }]);
      expect((await client.get(`/v1/endpoints/${id}`)).status).toBe(404);
      expect((await client.get('/v1/endpoints?limit=100')).text).not.toContain(id);
      expect((await client.post('/v1/endpoints', { url })).status).toBe(201);
    });

    it('destroys the secrets and the URL, and keeps the row and its audit trail', async () => {
      const { id } = await client.endpoint({ headers: { 'X-A': 'b' } });
      await client.delete(`/v1/endpoints/${id}`);
      const rows = <T>(sql: string) => service.app.get(Database).rows<T>(sql, [id]);
      expect(await rows('SELECT id FROM signing_keys WHERE endpoint_id = ?')).toEqual([]);
      expect(await rows('SELECT headers, url, url_hash FROM webhook_endpoints WHERE id = ?')).toEqual([
        { headers: null, url: '', url_hash: null },
      ]);
      expect(await trail(id)).toMatchObject([{ action: 'DeleteWebhookEndpoint' }, { action: 'CreateWebhookEndpoint' }]);
    });
  });

  describe('POST /v1/endpoints/{id}/pause and …/resume', () => {
    it('answer 200, show the state in get and list, and can be repeated', async () => {
      const { id } = await client.endpoint();
      for (let twice = 0; twice < 2; twice++) {
        const paused = await client.post(`/v1/endpoints/${id}/pause`);
        expect([paused.status, paused.body]).toEqual([200, { data: { id, paused: true }, meta }]);
      }
      expect((await client.get(`/v1/endpoints/${id}`)).body.data.paused).toBe(true);
      expect((await client.get('/v1/endpoints?limit=1')).body.data).toMatchObject([{ id, paused: true }]);
      for (let twice = 0; twice < 2; twice++) {
        const resumed = await client.post(`/v1/endpoints/${id}/resume`);
        expect([resumed.status, resumed.body]).toEqual([200, { data: { id, paused: false, messages_requeued: 0 }, meta }]);
      }
      expect((await client.get(`/v1/endpoints/${id}`)).body.data.paused).toBe(false);
      expect(await trail(id)).toMatchObject([{ action: 'ResumeWebhookEndpoint' }, { action: 'PauseWebhookEndpoint' }, {}]);
    });
  });

  describe('every operation on an endpoint', () => {
    const operations = (id: string): [string, string, unknown?][] => [
      ['GET', `/v1/endpoints/${id}`],
      ['PATCH', `/v1/endpoints/${id}`, { description: 'x' }],
      ['PATCH', `/v1/endpoints/${id}`, { url: newUrl() }],
      ['DELETE', `/v1/endpoints/${id}`],
      ['POST', `/v1/endpoints/${id}/pause`],
      ['POST', `/v1/endpoints/${id}/resume`],
    ];

    it('answers 404 with the same message for an unknown, malformed, deleted or foreign endpoint', async () => {
      const other = await WebhookClient.of(await service.client());
      const theirs = await other.endpoint();
      const deleted = await client.endpoint();
      await client.delete(`/v1/endpoints/${deleted.id}`);
      for (const id of [NOWHERE, 'ep_nonexistent_12345', 'x', NOWHERE.toUpperCase(), '%27', theirs.id, deleted.id]) {
        for (const [method, path, body] of operations(id)) {
          const answer = await client.call(method, path, body);
          expect([method, id, answer.status, answer.body]).toEqual([method, id, 404, error('NOT_FOUND', 'Endpoint not found')]);
        }
      }
      expect((await other.get(`/v1/endpoints/${theirs.id}`)).body.data).toMatchObject({ paused: false, description: '' });
    });

    it('accepts a token of the project in place of an API key, within the limits of its roles', async () => {
      const projectName = `p${newUrl().slice(-12)}`;
      const [full, reader] = [
        await service.client({ project: projectName }),
        await service.client({ project: projectName, role: READ_ONLY }),
      ];
      const made = await full.post('/v1/endpoints', { url: newUrl() });
      expect(made.status).toBe(201);
      const { id } = made.body.data;
      expect((await reader.get(`/v1/endpoints/${id}`)).status).toBe(200);
      for (const [method, path, body] of operations(id).slice(1)) {
        const answer = await reader.call(method, path, body);
        expect([method, answer.status, answer.body]).toEqual([method, 403, error('FORBIDDEN', 'Access denied')]);
      }
      expect((await full.get('/v1/endpoints')).body.data).toMatchObject([{ id }]);
    });
  });

  describe('every answer', () => {
    it('has the id of its request in body and header, which is the caller’s own id if that is valid', async () => {
      for (const [sent, expected] of [
        [undefined, /^req_[a-f0-9]{32}$/],
        ['req_mine-1', /^req_mine-1$/],
        ['mine', /^req_mine$/],
        ['not sane', /^req_[a-f0-9]{32}$/],
        ['x'.repeat(125), /^req_[a-f0-9]{32}$/],
      ] as const) {
        for (const path of ['/v1/endpoints', `/v1/endpoints/${NOWHERE}`, '/v1/nothing']) {
          const answer = await client.call('GET', path, undefined, sent === undefined ? {} : { 'x-request-id': sent });
          expect(answer.body.meta.request_id).toMatch(expected);
          expect(answer.headers.get('x-request-id')).toBe(answer.body.meta.request_id);
          expect(answer.headers.get('cache-control')).toBe('no-store');
        }
      }
    });

    it('to an unknown path is 404 NOT_FOUND', async () => {
      const answer = await client.post('/v1/endpoints/x/nothing');
      expect([answer.status, answer.body]).toEqual([404, error('NOT_FOUND', 'Resource not found')]);
    });
  });
});
