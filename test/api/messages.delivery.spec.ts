import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { verifyWebhook } from '../../src/lib/signing/index.js';
import { onBothDatabases } from '../support/databases.js';
import type { Delivery } from '../support/receiver.js';
import { WebhookGround } from '../support/webhook-ground.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

onBothDatabases((name) => {
  let ground: WebhookGround;
  beforeAll(async () => {
    ground = await WebhookGround.open(name, { SIGNET_WEBHOOK_TIMEOUT_MS: '3000' });
  });
  afterAll(() => ground.close());
  beforeEach(() => {
    ground.receiver.reply = 200;
    ground.receiver.script.length = 0;
  });

  const verified = (delivery: Delivery, secrets: string[], dialect: 'x-webhook' | 'standard' = 'standard') =>
    verifyWebhook(delivery, { dialect, secrets, now: ground.clock.now }).ok;

  describe('retries', () => {
    it('follow the slow schedule, each attempt with a timestamp and a signature of its own, and end among the dead letters', async () => {
      const endpoint = await ground.endpoint();
      ground.receiver.reply = 503;
      const id = await ground.accepted(endpoint.id);
      await ground.clock.settled();
      for (const hours of [0.5, 2, 6, 12, 24, 48, 72]) {
        const count = ground.receiver.at(endpoint.path).length;
        expect(await ground.message(id)).toMatchObject({ status: 'pending_retry', attempt_count: count, last_error: 'HTTP 503' });
        await ground.clock.advance(hours * HOUR - MINUTE);
        expect(ground.receiver.at(endpoint.path)).toHaveLength(count);
        await ground.clock.advance(MINUTE);
        const deliveries = ground.receiver.at(endpoint.path);
        expect(deliveries).toHaveLength(count + 1);
        expect(verified(deliveries.at(-1)!, [endpoint.signing_secret])).toBe(true);
        expect(verified(deliveries.at(-1)!, [endpoint.signing_secret], 'x-webhook')).toBe(true);
        expect(verified(deliveries.at(-2)!, [endpoint.signing_secret])).toBe(false);
      }
      expect(ground.receiver.at(endpoint.path)).toHaveLength(8);
      expect(new Set(ground.receiver.at(endpoint.path).map(({ headers }) => headers['webhook-id']))).toEqual(new Set([id]));
      expect(await ground.message(id)).toMatchObject({ status: 'failed_permanent', attempt_count: 8, next_attempt_at: null });
      const letters = (await ground.client.get('/v1/dlq/messages')).body.data;
      expect(letters.messages).toContainEqual(expect.objectContaining({ message_id: id, failed_at: expect.any(String) }));
      const attempts = await ground.attempts(id);
      expect(attempts.map(({ attempt_no }) => attempt_no)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
      expect(attempts.map(({ retry_type }) => retry_type)).toEqual([...Array.from({ length: 7 }, () => 'slow'), null]);
    });

    it('after 429 come fast, not before Retry-After', async () => {
      const endpoint = await ground.endpoint();
      ground.receiver.script.push({ status: 429, headers: { 'retry-after': '45' } }, 429);
      const id = await ground.accepted(endpoint.id);
      await ground.clock.settled();
      await ground.clock.advance(44_000);
      expect(ground.receiver.at(endpoint.path)).toHaveLength(1);
      await ground.clock.advance(1000);
      expect(ground.receiver.at(endpoint.path)).toHaveLength(2);
      await ground.clock.advance(MINUTE);
      expect(await ground.message(id)).toMatchObject({ status: 'succeeded', attempt_count: 3, last_error: null });
      expect((await ground.attempts(id)).map(({ retry_type, retry_after_seconds }) => [retry_type, retry_after_seconds])).toEqual([
        ['fast', 45],
        ['fast', null],
        [null, null],
      ]);
    });

    it.each([400, 401, 403, 404, 410, 301, 307])('do not come after %i', async (status) => {
      const endpoint = await ground.endpoint();
      ground.receiver.script.push({ status, headers: { location: `${ground.receiver.origin}/elsewhere` } });
      const id = await ground.accepted(endpoint.id);
      await ground.clock.settled();
      expect(await ground.message(id)).toMatchObject({ status: 'failed_permanent', attempt_count: 1, response_status: status });
      expect(ground.receiver.at('/elsewhere')).toEqual([]);
    });

    it('come after no answer, and after a connection that broke', async () => {
      const endpoint = await ground.endpoint();
      ground.receiver.script.push(() => undefined);
      const id = await ground.accepted(endpoint.id);
      await ground.clock.settled();
      expect(await ground.message(id)).toMatchObject({
        status: 'pending_retry',
        last_error: 'no answer within 3 s',
        response_status: null,
      });
      ground.receiver.script.push(
        (request) => request.socket.destroy(),
        (request) => request.socket.destroy(),
      );
      await ground.clock.advance(HOUR);
      expect(await ground.message(id)).toMatchObject({
        status: 'pending_retry',
        last_error: 'the connection was closed before an answer came',
      });
    });
  });

  describe('an attempt', () => {
    it('over a connection that was kept took no time to connect', async () => {
      const endpoint = await ground.endpoint();
      const attempt = async () => {
        const id = await ground.accepted(endpoint.id);
        await ground.clock.settled();
        return (await ground.attempts(id))[0]!;
      };
      let kept = await attempt();
      // A receiver closes a connection that is silent for five seconds.
      for (let i = 0; i < 5 && !kept.conn_reused; i++) kept = await attempt();
      const nothing = { error_text: null, retry_type: null, retry_after_seconds: null, dns_ms: null, tls_handshake_ms: null };
      expect(kept).toMatchObject({ conn_reused: true, tcp_connect_ms: null, response_status: 200, resolved_ip: '127.0.0.1', ...nothing });
      expect(kept.ttfb_ms).toEqual(expect.any(Number));
    });

    it('keeps what it sent and what came back, without the values of the customer’s headers', async () => {
      const endpoint = await ground.endpoint({ headers: { 'X-Token': 'canary-endpoint' } });
      ground.receiver.script.push({ status: 200, headers: { 'x-answer': 'yes', 'set-cookie': 'canary-cookie' } });
      const id = await ground.accepted(endpoint.id, { headers: { 'X-Key': 'canary-message' } });
      await ground.clock.settled();
      const answer = await ground.client.get(`/v1/messages/${id}/attempts`);
      expect(answer.body.meta).toMatchObject({ has_more: false });
      expect(answer.body.data).toEqual(
        [
          {
            id: expect.any(String),
            attempt_no: 1,
            response_status: 200,
            response_latency_ms: expect.any(Number),
            processing_ms: expect.any(Number),
            error_text: null,
            response_headers: expect.objectContaining({ 'x-answer': 'yes', 'set-cookie': '***' }),
            retry_type: null,
            retry_after_seconds: null,
            resolved_ip: '127.0.0.1',
            request_headers: expect.objectContaining({ 'x-token': '***', 'x-key': '***', 'webhook-id': id }),
            dns_ms: null,
            tcp_connect_ms: expect.anything(),
            tls_handshake_ms: null,
            ttfb_ms: expect.any(Number),
            transfer_ms: expect.any(Number),
            conn_reused: false,
            response_body_url: null,
            response_body_truncated: false,
            created_at: expect.any(String),
          },
        ].map((row) => ({ ...row, tcp_connect_ms: answer.body.data[0].tcp_connect_ms, conn_reused: answer.body.data[0].conn_reused })),
      );
      expect(answer.text).not.toContain('canary');
      for (const field of ['response_latency_ms', 'processing_ms', 'ttfb_ms'])
        expect(Number.isInteger(answer.body.data[0][field])).toBe(true);
    });

    it('of a message that is not there is none: 200 and an empty list', async () => {
      for (const id of ['x', '01935abc-def0-7123-8567-890abcdef012']) {
        const answer = await ground.client.get(`/v1/messages/${id}/attempts`);
        expect([answer.status, answer.body.data, answer.body.meta.has_more]).toEqual([200, [], false]);
      }
    });
  });

  describe('signing keys', () => {
    it('sign each attempt that begins while they live: one, then both with the newest first, then the new one alone', async () => {
      const endpoint = await ground.endpoint();
      const deliver = async () => {
        await ground.accepted(endpoint.id);
        await ground.clock.settled();
        return ground.receiver.at(endpoint.path).at(-1)!;
      };
      const keys = `/v1/endpoints/${endpoint.id}/signing-keys`;
      expect(String((await deliver()).headers['webhook-signature']).split(' ')).toHaveLength(1);
      const added = (await ground.client.post(keys)).body.data;
      const both = await deliver();
      const [first, second] = String(both.headers['x-webhook-signature']).split(',');
      const alone = (signature?: string) => ({ ...both, headers: { ...both.headers, 'x-webhook-signature': signature } });
      expect(verified(alone(first) as Delivery, [added.signing_secret], 'x-webhook')).toBe(true);
      expect(verified(alone(second) as Delivery, [endpoint.signing_secret], 'x-webhook')).toBe(true);
      expect(String(both.headers['webhook-signature']).split(' ')).toHaveLength(2);
      expect([verified(both, [added.signing_secret]), verified(both, [endpoint.signing_secret])]).toEqual([true, true]);
      await ground.client.delete(`${keys}/${endpoint.signing_key_id}`);
      const last = await deliver();
      expect([verified(last, [added.signing_secret]), verified(last, [endpoint.signing_secret])]).toEqual([true, false]);
      expect(String(last.headers['x-webhook-signature']).split(',')).toHaveLength(1);
    });

    it('of a retry are those that live then, not those of the send', async () => {
      const endpoint = await ground.endpoint();
      ground.receiver.script.push(503);
      await ground.accepted(endpoint.id);
      await ground.clock.settled();
      const keys = `/v1/endpoints/${endpoint.id}/signing-keys`;
      const added = (await ground.client.post(keys)).body.data;
      await ground.client.delete(`${keys}/${endpoint.signing_key_id}`);
      await ground.clock.advance(HOUR);
      const retry = ground.receiver.at(endpoint.path).at(-1)!;
      expect([verified(retry, [added.signing_secret]), verified(retry, [endpoint.signing_secret])]).toEqual([true, false]);
    });
  });

  describe('an endpoint', () => {
    it('that is paused keeps its messages, and gets them when it is resumed', async () => {
      const endpoint = await ground.endpoint();
      ground.receiver.script.push(503);
      const waiting = await ground.accepted(endpoint.id);
      await ground.clock.settled();
      expect((await ground.client.post(`/v1/endpoints/${endpoint.id}/pause`)).status).toBe(200);
      const kept = await ground.accepted(endpoint.id);
      for (const id of [waiting, kept]) expect(await ground.message(id)).toMatchObject({ status: 'paused', next_attempt_at: null });
      await ground.clock.advance(2 * HOUR);
      expect(ground.receiver.at(endpoint.path)).toHaveLength(1);
      const resumed = await ground.client.post(`/v1/endpoints/${endpoint.id}/resume`);
      expect(resumed.body.data).toEqual({ id: endpoint.id, paused: false, messages_requeued: 2 });
      await ground.clock.settled();
      for (const id of [waiting, kept]) expect(await ground.message(id)).toMatchObject({ status: 'succeeded' });
      expect(ground.receiver.at(endpoint.path)).toHaveLength(3);
    });

    it('that is deleted gets nothing more: what waits has failed for good', async () => {
      const endpoint = await ground.endpoint();
      ground.receiver.script.push(503);
      const id = await ground.accepted(endpoint.id);
      await ground.clock.settled();
      await ground.client.delete(`/v1/endpoints/${endpoint.id}`);
      expect(await ground.message(id)).toMatchObject({ status: 'failed_permanent', last_error: 'the endpoint was deleted' });
      await ground.clock.advance(100 * HOUR);
      expect(ground.receiver.at(endpoint.path)).toHaveLength(1);
    });

    it('with a rate limit gets its burst and then its rate, and waiting costs no attempt', async () => {
      const endpoint = await ground.endpoint({ rate_limit_rps: 1, burst: 3 });
      const ids = [];
      for (let i = 0; i < 5; i++) ids.push(await ground.accepted(endpoint.id));
      await ground.clock.settled();
      const before = ground.receiver.at(endpoint.path).length;
      expect(before).toBeGreaterThanOrEqual(3);
      expect(before).toBeLessThan(5);
      for (let i = 0; i < 5; i++) await ground.clock.advance(1000);
      expect(ground.receiver.at(endpoint.path)).toHaveLength(5);
      for (const id of ids) expect(await ground.message(id)).toMatchObject({ status: 'succeeded', attempt_count: 1 });
    });
  });

  it('what one process claimed and cannot attempt before its lease ends is due again at once, and not when the lease ends', async () => {
    const own = await WebhookGround.open(name, { SIGNET_WEBHOOK_CONCURRENCY: '4', SIGNET_WEBHOOK_TIMEOUT_MS: '60000' });
    const endpoint = await own.endpoint();
    let answer: () => void = () => undefined;
    own.receiver.script.push((_, response) => void (answer = () => response.end()));
    // A quarter of four attempts go to one endpoint: the second message is claimed and waits for the first.
    const first = await own.accepted(endpoint.id);
    await own.receiver.arrived(1);
    const second = await own.accepted(endpoint.id);
    while ((await own.message(second))['status'] !== 'delivering') await new Promise((resolve) => setImmediate(resolve));
    // Of the lease of 125 s, too little is left for an attempt of 60 s.
    await own.clock.pass(70_000);
    answer();
    await own.receiver.arrived(2);
    await own.clock.settled();
    for (const id of [first, second]) expect(await own.message(id)).toMatchObject({ status: 'succeeded', attempt_count: 1 });
    await own.close();
  }, 30_000);

  describe('retention', () => {
    it('of 0 hours ends with the delivery, any other by the clock; the message itself stays, and goes at last', async () => {
      const endpoint = await ground.endpoint();
      const [gone, kept] = [
        await ground.accepted(endpoint.id, { retention_hours: 0 }),
        await ground.accepted(endpoint.id, { retention_hours: 1 }),
      ];
      await ground.clock.settled();
      expect(await ground.message(gone)).toMatchObject({ status: 'succeeded', payload_expires_at: null });
      const replay = async (id: string) => {
        const { status, body } = await ground.client.post(`/v1/messages/${id}/replay`);
        return [status, body.error?.code];
      };
      expect(await replay(gone)).toEqual([410, 'PAYLOAD_UNAVAILABLE']);
      await ground.clock.advance(HOUR);
      await ground.clock.tidied();
      expect(await replay(kept)).toEqual([410, 'RETENTION_EXPIRED']);
      await ground.clock.advance(91 * 24 * HOUR);
      await ground.clock.tidied();
      expect((await ground.client.get(`/v1/messages/${kept}`)).status).toBe(404);
    });
  });

  it('no payload, no header, no secret and no key stands in a log line', async () => {
    const endpoint = await ground.endpoint({ headers: { 'X-Token': 'canary-a7' } });
    ground.receiver.script.push(500);
    const id = await ground.accepted(endpoint.id, { payload: { card: 'canary-b7' }, headers: { 'X-Key': 'canary-c7' } });
    await ground.clock.settled();
    await ground.send({ endpoint_id: endpoint.id, payload: { card: 'canary-d7' }, headers: { Host: 'canary-e7' } });
    expect(await ground.message(id)).toMatchObject({ status: 'pending_retry' });
    const lines = ground.service.logs.join('');
    expect(lines).toContain('/v1/webhooks/send');
    for (const secret of ['canary', endpoint.signing_secret, ground.client.key]) expect(lines).not.toContain(secret);
  });
});
