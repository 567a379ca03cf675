import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { hash } from 'node:crypto';
import { verifyWebhook } from '../../src/lib/signing/index.js';
import { onBothDatabases } from '../support/databases.js';
import { WebhookClient } from '../support/webhooks.js';
import { WebhookGround } from '../support/webhook-ground.js';

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const NOWHERE = `ep_${'0'.repeat(32)}`;
const meta = { request_id: expect.stringMatching(/^req_/) };
const INSTANT = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
const error = (code: string, message: unknown, details?: object) => ({ error: { code, message, ...(details && { details }) }, meta });

onBothDatabases((name) => {
  let ground: WebhookGround;
  let endpointId: string;

  beforeAll(async () => {
    ground = await WebhookGround.open(name);
    endpointId = (await ground.endpoint()).id;
  });
  afterAll(() => ground.close());
  beforeEach(() => {
    ground.receiver.reply = 200;
  });

  const payload = { event: 'order.created', order_id: 'ord_123' };

  describe('202', () => {
    it('the message is delivered, signed in both dialects, and shown as delivered', async () => {
      const endpoint = await ground.endpoint({ headers: { 'X-Shop': 'one', 'X-Both': 'endpoint' } });
      const text = { ...payload, text: 'é/\u2028"\\' };
      const answer = await ground.send({ endpoint_id: endpoint.id, payload: text, headers: { 'x-both': 'message' } });
      expect([answer.status, answer.body]).toEqual([202, { data: { message_id: expect.stringMatching(UUID_V7), status: 'queued' }, meta }]);
      const id = answer.body.data.message_id as string;
      await ground.clock.settled();
      const [delivery, ...more] = ground.receiver.at(endpoint.path);
      expect(more).toEqual([]);
      expect(delivery!.body).toBe(JSON.stringify(text));
      expect(delivery!.headers).toMatchObject({
        'content-type': 'application/json',
        'user-agent': expect.stringMatching(/^Signet-Webhooks\//),
        'x-shop': 'one',
        'x-both': 'message',
        'x-webhook-id': id,
        'webhook-id': id,
      });
      for (const dialect of ['x-webhook', 'standard'] as const)
        expect(verifyWebhook(delivery!, { dialect, secrets: [endpoint.signing_secret], now: ground.clock.now })).toMatchObject({
          ok: true,
        });
      const shown = await ground.client.get(`/v1/messages/${id}`);
      expect([shown.status, shown.body]).toEqual([
        200,
        {
          data: {
            id,
            project_id: ground.admin.projectId,
            endpoint_id: endpoint.id,
            status: 'succeeded',
            attempt_count: 1,
            replay_count: 0,
            content_type: 'application/json',
            size_bytes: Buffer.byteLength(JSON.stringify(text)),
            payload_sha256: hash('sha256', JSON.stringify(text), 'hex'),
            idempotency_key: null,
            next_attempt_at: null,
            last_error: null,
            response_status: 200,
            response_latency_ms: expect.any(Number),
            retention_hours: 720,
            payload_expires_at: INSTANT,
            created_at: INSTANT,
            updated_at: INSTANT,
          },
          meta,
        },
      ]);
    });

    it('what PHP clients send: empty lists for empty maps, escaped slashes', async () => {
      const endpoint = await ground.endpoint();
      const body = `{"endpoint_id":"${endpoint.id}","payload":[],"headers":[]}`;
      expect((await ground.send(body)).status).toBe(202);
      expect((await ground.send(`{"endpoint_id":"${endpoint.id}","payload":{"url":"https:\\/\\/a.b\\/c"}}`)).status).toBe(202);
      await ground.clock.settled();
      const bodies = ground.receiver.at(endpoint.path).map((delivery) => delivery.body);
      expect(bodies.sort()).toEqual(['{"url":"https://a.b/c"}', '{}']);
    });

    it('text of every kind arrives as it was sent: NUL, emoji, names that are numbers, names of Object', async () => {
      const endpoint = await ground.endpoint();
      const odd = { 'a\u0000b': '\u0000', '😀': '😀\u2028', 1: 'one', constructor: { toString: 'x' }, '': '' };
      await ground.accepted(endpoint.id, { payload: odd, idempotency_key: 'odd' });
      await ground.clock.settled();
      expect(JSON.parse(ground.receiver.at(endpoint.path)[0]!.body)).toEqual(odd);
    });

    it('a token of the project does what its API key does', async () => {
      const answer = await ground.admin.post('/v1/webhooks/send', { endpoint_id: endpointId, payload });
      expect(answer.status).toBe(202);
    });

    it('a payload of exactly 1 MB, nested as deep as it may be, arrives byte by byte', async () => {
      const endpoint = await ground.endpoint();
      const deep = JSON.parse(`${'{"a":'.repeat(28)}{}${'}'.repeat(28)}`) as object;
      const room = 1024 * 1024 - JSON.stringify({ deep, text: '' }).length;
      const large = { deep, text: 'x'.repeat(room) };
      expect((await ground.send({ endpoint_id: endpoint.id, payload: large })).status).toBe(202);
      await ground.clock.settled();
      expect(ground.receiver.at(endpoint.path)[0]!.body === JSON.stringify(large)).toBe(true);
    });
  });

  describe('idempotency', () => {
    it('the same key and payload, however it is written, is the same message, delivered once', async () => {
      const endpoint = await ground.endpoint();
      const send = (text: string) => ground.send(`{"endpoint_id":"${endpoint.id}","idempotency_key":"k-1","payload":${text}}`);
      const first = await send('{"a":1,"b":{"c":[1.0,2],"d":"/"}}');
      const second = await send(' { "b" : {"d":"\\/", "c":[1,2e0]}, "a":1 }');
      expect([first.status, second.status]).toEqual([202, 202]);
      expect(second.body.data).toEqual(first.body.data);
      await ground.clock.settled();
      expect((await send('{"a":1,"b":{"c":[1,2],"d":"/"}}')).body.data).toEqual(first.body.data);
      await ground.clock.settled();
      expect(ground.receiver.at(endpoint.path)).toHaveLength(1);
    });

    it('409 for another payload, in the words of the contract', async () => {
      const endpoint = await ground.endpoint();
      await ground.accepted(endpoint.id, { idempotency_key: 'k' });
      const answer = await ground.send({ endpoint_id: endpoint.id, payload: { other: 1 }, idempotency_key: 'k' });
      expect([answer.status, answer.body]).toEqual([409, error('IDEMPOTENCY_MISMATCH', 'idempotency_key was used with another payload')]);
    });

    it('a key belongs to its endpoint', async () => {
      const ids = [];
      for (const endpoint of [await ground.endpoint(), await ground.endpoint()])
        ids.push(await ground.accepted(endpoint.id, { idempotency_key: 'k' }));
      expect(new Set(ids).size).toBe(2);
    });

    it('of 20 sends at once one message comes, and of 20 with different payloads one is accepted', async () => {
      const endpoint = await ground.endpoint();
      const same = await Promise.all(Array.from({ length: 20 }, () => ground.accepted(endpoint.id, { idempotency_key: 'same' })));
      expect(new Set(same).size).toBe(1);
      const sends = Array.from({ length: 20 }, (_, i) =>
        ground.send({ endpoint_id: endpoint.id, payload: { i }, idempotency_key: 'different' }),
      );
      expect((await Promise.all(sends)).map(({ status }) => status).sort()).toEqual([202, ...Array.from({ length: 19 }, () => 409)]);
      await ground.clock.settled();
      expect(ground.receiver.at(endpoint.path)).toHaveLength(2);
    });

    it('a deleted message frees its key', async () => {
      const endpoint = await ground.endpoint();
      const id = await ground.accepted(endpoint.id, { idempotency_key: 'k' });
      expect((await ground.client.delete(`/v1/messages/${id}`)).status).toBe(200);
      expect(await ground.accepted(endpoint.id, { idempotency_key: 'k', payload: { other: 1 } })).not.toBe(id);
    });
  });

  describe('400', () => {
    const long = 'x'.repeat(1024 * 1024);
    it.each([
      ['no body', undefined, 'INVALID_REQUEST', 'endpoint_id'],
      ['no JSON', '{', 'INVALID_REQUEST', undefined],
      ['a list', '[1]', 'INVALID_REQUEST', undefined],
      ['no endpoint', { payload }, 'INVALID_REQUEST', 'endpoint_id'],
      ['an endpoint that is a number', { endpoint_id: 1, payload }, 'INVALID_REQUEST', 'endpoint_id'],
      ['an endpoint without its prefix', { endpoint_id: '0'.repeat(32), payload }, 'INVALID_REQUEST', 'endpoint_id'],
      ['no payload', {}, 'INVALID_REQUEST', 'payload'],
      ['a payload of null', { payload: null }, 'INVALID_REQUEST', 'payload'],
      ['a payload that is a list', { payload: [1] }, 'INVALID_REQUEST', 'payload'],
      ['a payload that is text', { payload: '{}' }, 'INVALID_REQUEST', 'payload'],
      ['a payload that is a number', { payload: 1 }, 'INVALID_REQUEST', 'payload'],
      ['a payload over 1 MB', { payload: { long } }, 'PAYLOAD_TOO_LARGE', undefined],
      ['an idempotency key with a blank', { payload, idempotency_key: 'a b' }, 'INVALID_REQUEST', 'idempotency_key'],
      ['an empty idempotency key', { payload, idempotency_key: '' }, 'INVALID_REQUEST', 'idempotency_key'],
      ['a long idempotency key', { payload, idempotency_key: 'k'.repeat(256) }, 'INVALID_REQUEST', 'idempotency_key'],
      ['an idempotency key with a line break', { payload, idempotency_key: 'k\n' }, 'INVALID_REQUEST', 'idempotency_key'],
      ['an idempotency key that is a number', { payload, idempotency_key: 1 }, 'INVALID_REQUEST', 'idempotency_key'],
      ['a negative retention', { payload, retention_hours: -1 }, 'INVALID_REQUEST', 'retention_hours'],
      ['half an hour of retention', { payload, retention_hours: 0.5 }, 'INVALID_REQUEST', 'retention_hours'],
      ['retention as text', { payload, retention_hours: '1' }, 'INVALID_REQUEST', 'retention_hours'],
      ['headers that are a list', { payload, headers: ['a'] }, 'INVALID_REQUEST', 'headers'],
      ['headers that are text', { payload, headers: 'a: b' }, 'INVALID_REQUEST', 'headers'],
      ['Host', { payload, headers: { Host: 'a' } }, 'INVALID_HEADERS', undefined],
      ['Authorization', { payload, headers: { authorization: 'a' } }, 'INVALID_HEADERS', undefined],
      ['a signature', { payload, headers: { 'Webhook-Signature': 'v1,a' } }, 'INVALID_HEADERS', undefined],
      ['the other signature', { payload, headers: { 'X-Webhook-Signature': 'sha256=a' } }, 'INVALID_HEADERS', undefined],
      ['a header with a line break', { payload, headers: { 'X-A': 'a\r\nX-B: b' } }, 'INVALID_HEADERS', undefined],
      ['a header name with a line break', { payload, headers: { 'X-A\r\nX-B': 'a' } }, 'INVALID_HEADERS', undefined],
      ['a header that is a number', { payload, headers: { 'X-A': 1 } }, 'INVALID_HEADERS', undefined],
      [
        '51 headers',
        { payload, headers: Object.fromEntries(Array.from({ length: 51 }, (_, i) => [`X-${i}`, ''])) },
        'INVALID_HEADERS',
        undefined,
      ],
      ['9 KB of headers', { payload, headers: { 'X-A': 'a'.repeat(9000) } }, 'INVALID_HEADERS', undefined],
    ])('%s, and nothing is stored', async (_, body, code, field) => {
      const before = (await ground.client.get('/v1/metrics')).body.data.total_messages as number;
      const whole =
        typeof body === 'object' && !('endpoint_id' in body) && field !== 'endpoint_id' ? { endpoint_id: endpointId, ...body } : body;
      const answer = await ground.send(whole);
      expect([answer.status, answer.body.error.code, answer.body.error.details?.field]).toEqual([400, code, field]);
      expect(answer.body.meta).toEqual(meta);
      expect((await ground.client.get('/v1/metrics')).body.data.total_messages).toBe(before);
    });

    it.each([
      ['a whole number that a double rounds', '{"id":9007199254740993}'],
      ['a number beyond a double', '{"id":1e999}'],
      ['a prototype', '{"__proto__":{"a":1}}'],
      ['half of a surrogate pair', '{"a":"\\ud800"}'],
      ['half of a surrogate pair for a name', '{"a":{"\\udc00":1}}'],
      ['31 levels', `${'{"a":'.repeat(30)}{}${'}'.repeat(30)}`],
    ])('a payload with %s', async (_, text) => {
      for (const key of ['', '"idempotency_key":"k-400",']) {
        const answer = await ground.send(`{"endpoint_id":"${endpointId}",${key}"payload":${text}}`);
        expect([answer.status, answer.body.error.code]).toEqual([400, 'INVALID_REQUEST']);
      }
    });
  });

  describe('401', () => {
    it('without a key', async () => {
      const answer = await new WebhookClient(ground.client.baseUrl, '').post('/v1/webhooks/send', { endpoint_id: endpointId, payload });
      expect([answer.status, answer.body]).toEqual([401, error('UNAUTHORIZED', 'Invalid or missing API key')]);
    });
  });

  describe('404', () => {
    it('for an endpoint that never was, was deleted, is another project’s, or can be none: the same words', async () => {
      const deleted = await ground.endpoint();
      await ground.client.delete(`/v1/endpoints/${deleted.id}`);
      const stranger = await WebhookClient.of(await ground.service.client());
      const foreign = await stranger.endpoint();
      for (const endpoint_id of [NOWHERE, deleted.id, foreign.id, 'ep_nonexistent_12345', 'ep_', `ep_${'\0'}`]) {
        const answer = await ground.send({ endpoint_id, payload });
        expect([answer.status, answer.body]).toEqual([404, error('ENDPOINT_NOT_FOUND', 'endpoint not found')]);
      }
    });
  });
});
