import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { hash } from 'node:crypto';
import { verifyWebhook } from 'signet-signing';
import { onBothDatabases } from '../support/databases.js';
import { WebhookClient } from '../support/webhooks.js';
import { WebhookEnvironment } from '../support/webhook-environment.js';

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const NOWHERE = `ep_${'0'.repeat(32)}`;
const meta = { request_id: expect.stringMatching(/^req_/) };
const INSTANT = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
const error = (code: string, message: unknown, details?: object) => ({ error: { code, message, ...(details && { details }) }, meta });

onBothDatabases((name) => {
  let environment: WebhookEnvironment;
  let endpointId: string;

  beforeAll(async () => {
    environment = await WebhookEnvironment.open(name);
    endpointId = (await environment.endpoint()).id;
  });
  afterAll(() => environment.close());
  beforeEach(() => {
    environment.receiver.reply = 200;
  });

  const payload = { event: 'order.created', order_id: 'ord_123' };

  describe('POST /v1/messages', () => {
    it('answers 202 for a message that is delivered, signed in both formats and shown as delivered', async () => {
      const endpoint = await environment.endpoint({ headers: { 'X-Shop': 'one', 'X-Both': 'endpoint' } });
      const text = { ...payload, text: 'é/\u2028"\\' };
      const answer = await environment.send({ endpoint_id: endpoint.id, payload: text, headers: { 'x-both': 'message' } });
      expect([answer.status, answer.body]).toEqual([202, { data: { message_id: expect.stringMatching(UUID_V7), status: 'queued' }, meta }]);
      const id = answer.body.data.message_id as string;
      await environment.clock.settled();
      const [delivery, ...more] = environment.receiver.at(endpoint.path);
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
        expect(verifyWebhook(delivery!, { dialect, secrets: [endpoint.signing_secret], now: environment.clock.now })).toMatchObject({
          ok: true,
        });
      const shown = await environment.client.get(`/v1/messages/${id}`);
      expect([shown.status, shown.body]).toEqual([
        200,
        {
          data: {
            id,
            project_id: environment.admin.projectId,
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

    it('answers 202 for the JSON of PHP clients, with empty lists for empty maps and escaped slashes', async () => {
      const endpoint = await environment.endpoint();
      const body = `{"endpoint_id":"${endpoint.id}","payload":[],"headers":[]}`;
      expect((await environment.send(body)).status).toBe(202);
      expect((await environment.send(`{"endpoint_id":"${endpoint.id}","payload":{"url":"https:\\/\\/a.b\\/c"}}`)).status).toBe(202);
      await environment.clock.settled();
      const bodies = environment.receiver.at(endpoint.path).map((delivery) => delivery.body);
      expect(bodies.sort()).toEqual(['{"url":"https:\\/\\/a.b\\/c"}', '{}']);
    });

    it('answers 202 for NUL, emoji, numeric names and names of Object’s members, which arrive unchanged', async () => {
      const endpoint = await environment.endpoint();
      const odd = { 'a\u0000b': '\u0000', '😀': '😀\u2028', 1: 'one', constructor: { toString: 'x' }, '': '' };
      await environment.accepted(endpoint.id, { payload: odd, idempotency_key: 'odd' });
      await environment.clock.settled();
      expect(JSON.parse(environment.receiver.at(endpoint.path)[0]!.body)).toEqual(odd);
    });

    it('answers 202 for a token of the project, which has the same rights as its API key', async () => {
      const answer = await environment.admin.post('/v1/webhooks/send', { endpoint_id: endpointId, payload });
      expect(answer.status).toBe(202);
    });

    it('answers 202 for a payload of exactly 1 MB at the maximum depth, which arrives unchanged', async () => {
      const endpoint = await environment.endpoint();
      const deep = JSON.parse(`${'{"a":'.repeat(28)}{}${'}'.repeat(28)}`) as object;
      const room = 1024 * 1024 - JSON.stringify({ deep, text: '' }).length;
      const large = { deep, text: 'x'.repeat(room) };
      expect((await environment.send({ endpoint_id: endpoint.id, payload: large })).status).toBe(202);
      await environment.clock.settled();
      expect(environment.receiver.at(endpoint.path)[0]!.body === JSON.stringify(large)).toBe(true);
    });
  });

  describe('an idempotency key', () => {
    it('leads to one message for the same payload, however its JSON is written', async () => {
      const endpoint = await environment.endpoint();
      const send = (text: string) => environment.send(`{"endpoint_id":"${endpoint.id}","idempotency_key":"k-1","payload":${text}}`);
      const first = await send('{"a":1,"b":{"c":[1.0,2],"d":"/"}}');
      const second = await send(' { "b" : {"d":"\\/", "c":[1,2e0]}, "a":1 }');
      expect([first.status, second.status]).toEqual([202, 202]);
      expect(second.body.data).toEqual(first.body.data);
      await environment.clock.settled();
      expect((await send('{"a":1,"b":{"c":[1,2],"d":"/"}}')).body.data).toEqual(first.body.data);
      await environment.clock.settled();
      expect(environment.receiver.at(endpoint.path)).toHaveLength(1);
    });

    it('is refused with 409 and the contract’s message for another payload', async () => {
      const endpoint = await environment.endpoint();
      await environment.accepted(endpoint.id, { idempotency_key: 'k' });
      const answer = await environment.send({ endpoint_id: endpoint.id, payload: { other: 1 }, idempotency_key: 'k' });
      expect([answer.status, answer.body]).toEqual([409, error('IDEMPOTENCY_MISMATCH', 'idempotency_key was used with another payload')]);
    });

    it('applies only within its endpoint', async () => {
      const ids = [];
      for (const endpoint of [await environment.endpoint(), await environment.endpoint()])
        ids.push(await environment.accepted(endpoint.id, { idempotency_key: 'k' }));
      expect(new Set(ids).size).toBe(2);
    });

    it('leads to one message for 20 concurrent sends, also if their payloads differ', async () => {
      const endpoint = await environment.endpoint();
      const same = await Promise.all(Array.from({ length: 20 }, () => environment.accepted(endpoint.id, { idempotency_key: 'same' })));
      expect(new Set(same).size).toBe(1);
      const sends = Array.from({ length: 20 }, (_, i) =>
        environment.send({ endpoint_id: endpoint.id, payload: { i }, idempotency_key: 'different' }),
      );
      expect((await Promise.all(sends)).map(({ status }) => status).sort()).toEqual([202, ...Array.from({ length: 19 }, () => 409)]);
      await environment.clock.settled();
      expect(environment.receiver.at(endpoint.path)).toHaveLength(2);
    });

    it('can be used again after its message is deleted', async () => {
      const endpoint = await environment.endpoint();
      const id = await environment.accepted(endpoint.id, { idempotency_key: 'k' });
      expect((await environment.client.delete(`/v1/messages/${id}`)).status).toBe(200);
      expect(await environment.accepted(endpoint.id, { idempotency_key: 'k', payload: { other: 1 } })).not.toBe(id);
    });
  });

  describe('POST /v1/messages', () => {
    const long = 'x'.repeat(1024 * 1024);
    it.each([
      [
        'a header that would become a prototype',
        '{"endpoint_id":"ep_1","payload":{},"headers":{"__proto__":"a"}}',
        'INVALID_HEADERS',
        undefined,
      ],
      ['JSON with a comment', '{"endpoint_id":"ep_1","payload":{/**/}}', 'INVALID_REQUEST', undefined],
      ['JSON with a trailing comma', '{"endpoint_id":"ep_1","payload":{"a":1,}}', 'INVALID_REQUEST', undefined],
      ['no body', undefined, 'INVALID_REQUEST', 'endpoint_id'],
      ['no JSON', '{', 'INVALID_REQUEST', undefined],
      ['a list', '[1]', 'INVALID_REQUEST', undefined],
      ['no endpoint', { payload }, 'INVALID_REQUEST', 'endpoint_id'],
      ['an endpoint id that is a number', { endpoint_id: 1, payload }, 'INVALID_REQUEST', 'endpoint_id'],
      ['an endpoint id without its prefix', { endpoint_id: '0'.repeat(32), payload }, 'INVALID_REQUEST', 'endpoint_id'],
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
    ])('answers 400 for %s, and stores nothing', async (_, body, code, field) => {
      const before = (await environment.client.get('/v1/metrics')).body.data.total_messages as number;
      const whole =
        typeof body === 'object' && !('endpoint_id' in body) && field !== 'endpoint_id' ? { endpoint_id: endpointId, ...body } : body;
      const answer = await environment.send(whole);
      expect([answer.status, answer.body.error.code, answer.body.error.details?.field]).toEqual([400, code, field]);
      expect(answer.body.meta).toEqual(meta);
      expect((await environment.client.get('/v1/metrics')).body.data.total_messages).toBe(before);
    });

    it.each([['31 levels', `${'{"a":'.repeat(30)}{}${'}'.repeat(30)}`]])('answers 400 for a payload with %s', async (_, text) => {
      for (const key of ['', '"idempotency_key":"k-400",']) {
        const answer = await environment.send(`{"endpoint_id":"${endpointId}",${key}"payload":${text}}`);
        expect([answer.status, answer.body.error.code]).toEqual([400, 'INVALID_REQUEST']);
      }
    });

    it('answers 401 without a key', async () => {
      const answer = await new WebhookClient(environment.client.baseUrl, '').post('/v1/webhooks/send', {
        endpoint_id: endpointId,
        payload,
      });
      expect([answer.status, answer.body]).toEqual([401, error('UNAUTHORIZED', 'Invalid or missing API key')]);
    });

    it('answers 404 with the same message for an unknown, deleted or foreign endpoint and for a malformed id', async () => {
      const deleted = await environment.endpoint();
      await environment.client.delete(`/v1/endpoints/${deleted.id}`);
      const stranger = await WebhookClient.of(await environment.service.client());
      const foreign = await stranger.endpoint();
      for (const endpoint_id of [NOWHERE, deleted.id, foreign.id, 'ep_nonexistent_12345', 'ep_', `ep_${'\0'}`]) {
        const answer = await environment.send({ endpoint_id, payload });
        expect([answer.status, answer.body]).toEqual([404, error('ENDPOINT_NOT_FOUND', 'endpoint not found')]);
      }
    });
  });
});
