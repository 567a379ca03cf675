import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Clock } from '../../src/platform/common/clock.js';
import { Database } from '../../src/platform/database/database.js';
import { verifyWebhook } from 'signet-signing';
import { onBothDatabases } from '../support/databases.js';
import { HeldTimers } from '../support/held-timers.js';
import type { Delivery } from '../support/receiver.js';
import { until } from '../support/until.js';
import { WebhookEnvironment } from '../support/webhook-environment.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
/** Time limit of an attempt, which no other timer has. Reached only where a test says so. */
const LIMIT_MS = 59_000;

onBothDatabases((name) => {
  let environment: WebhookEnvironment;
  beforeAll(async () => {
    // Schedules run to their end here, so endpoints are not disabled for failing. Tests of that have their own environment.
    environment = await WebhookEnvironment.open(name, { SIGNET_WEBHOOKS: `timeout=${LIMIT_MS}ms,disable-after=0` });
  });
  afterAll(() => environment.close());
  beforeEach(() => {
    environment.receiver.reply = 200;
    environment.receiver.script.length = 0;
  });

  const verified = (delivery: Delivery, secrets: string[], dialect: 'x-webhook' | 'standard' = 'standard') =>
    verifyWebhook(delivery, { dialect, secrets, now: environment.clock.now }).ok;

  describe('retries', () => {
    it('follow the slow schedule, each with its own timestamp and signature, until the message is a dead letter', async () => {
      const endpoint = await environment.endpoint();
      environment.receiver.reply = 503;
      const id = await environment.accepted(endpoint.id);
      await environment.clock.settled();
      for (const hours of [0.5, 2, 6, 12, 24, 48, 72]) {
        const count = environment.receiver.at(endpoint.path).length;
        expect(await environment.message(id)).toMatchObject({ status: 'pending_retry', attempt_count: count, last_error: 'HTTP 503' });
        await environment.clock.advance(hours * HOUR - MINUTE);
        expect(environment.receiver.at(endpoint.path)).toHaveLength(count);
        await environment.clock.advance(MINUTE);
        const deliveries = environment.receiver.at(endpoint.path);
        expect(deliveries).toHaveLength(count + 1);
        expect(verified(deliveries.at(-1)!, [endpoint.signing_secret])).toBe(true);
        expect(verified(deliveries.at(-1)!, [endpoint.signing_secret], 'x-webhook')).toBe(true);
        expect(verified(deliveries.at(-2)!, [endpoint.signing_secret])).toBe(false);
      }
      expect(environment.receiver.at(endpoint.path)).toHaveLength(8);
      expect(new Set(environment.receiver.at(endpoint.path).map(({ headers }) => headers['webhook-id']))).toEqual(new Set([id]));
      expect(await environment.message(id)).toMatchObject({ status: 'failed_permanent', attempt_count: 8, next_attempt_at: null });
      const letters = (await environment.client.get('/v1/dlq/messages')).body.data;
      expect(letters.messages).toContainEqual(expect.objectContaining({ message_id: id, failed_at: expect.any(String) }));
      const attempts = await environment.attempts(id);
      expect(attempts.map(({ attempt_no }) => attempt_no)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
      expect(attempts.map(({ retry_type }) => retry_type)).toEqual([...Array.from({ length: 7 }, () => 'slow'), null]);
    });

    it('follow the fast schedule after 429, but not before Retry-After', () =>
      environment.clock.stopped(async () => {
        const endpoint = await environment.endpoint();
        environment.receiver.script.push({ status: 429, headers: { 'retry-after': '45' } }, 429);
        const id = await environment.accepted(endpoint.id);
        await environment.clock.settled();
        await environment.clock.advance(44_000);
        expect(environment.receiver.at(endpoint.path)).toHaveLength(1);
        await environment.clock.advance(1000);
        expect(environment.receiver.at(endpoint.path)).toHaveLength(2);
        await environment.clock.advance(MINUTE);
        expect(await environment.message(id)).toMatchObject({ status: 'succeeded', attempt_count: 3, last_error: null });
        expect((await environment.attempts(id)).map(({ retry_type, retry_after_seconds }) => [retry_type, retry_after_seconds])).toEqual([
          ['fast', 45],
          ['fast', null],
          [null, null],
        ]);
      }));

    it.each([400, 401, 403, 404, 410, 301, 307])('are not made after an answer of %i', async (status) => {
      const endpoint = await environment.endpoint();
      environment.receiver.script.push({ status, headers: { location: `${environment.receiver.origin}/elsewhere` } });
      const id = await environment.accepted(endpoint.id);
      await environment.clock.settled();
      expect(await environment.message(id)).toMatchObject({ status: 'failed_permanent', attempt_count: 1, response_status: status });
      expect(environment.receiver.at('/elsewhere')).toEqual([]);
    });

    it('are made after a missing answer and after a broken connection', async () => {
      const endpoint = await environment.endpoint();
      environment.receiver.script.push(() => undefined);
      const timers = new HeldTimers(LIMIT_MS);
      const arrived = environment.receiver.arrived(environment.receiver.deliveries.length + 1);
      const id = await environment.accepted(endpoint.id);
      await arrived;
      expect(timers.pass()).toBe(1);
      timers.release();
      await environment.clock.settled();
      expect(await environment.message(id)).toMatchObject({
        status: 'pending_retry',
        last_error: 'no answer within 59 s',
        response_status: null,
      });
      environment.receiver.script.push(
        (request) => request.socket.destroy(),
        (request) => request.socket.destroy(),
      );
      await environment.clock.advance(HOUR);
      expect(await environment.message(id)).toMatchObject({
        status: 'pending_retry',
        last_error: 'the connection was closed before a response arrived',
      });
    });
  });

  describe('an attempt', () => {
    it('over a reused connection has a connection time of 0', async () => {
      const endpoint = await environment.endpoint();
      const attempt = async () => {
        const id = await environment.accepted(endpoint.id);
        await environment.clock.settled();
        return (await environment.attempts(id))[0]!;
      };
      let kept = await attempt();
      // The receiver closes a connection that is silent for five seconds.
      for (let i = 0; i < 5 && !kept.conn_reused; i++) kept = await attempt();
      const nothing = { error_text: null, retry_type: null, retry_after_seconds: null, dns_ms: null, tls_handshake_ms: null };
      expect(kept).toMatchObject({ conn_reused: true, tcp_connect_ms: null, response_status: 200, resolved_ip: '127.0.0.1', ...nothing });
      expect(kept.ttfb_ms).toEqual(expect.any(Number));
    });

    it('stores its request and its answer, without the values of the customer’s headers', async () => {
      const endpoint = await environment.endpoint({ headers: { 'X-Token': 'canary-endpoint' } });
      environment.receiver.script.push({ status: 200, headers: { 'x-answer': 'yes', 'set-cookie': 'canary-cookie' } });
      const id = await environment.accepted(endpoint.id, { headers: { 'X-Key': 'canary-message' } });
      await environment.clock.settled();
      const answer = await environment.client.get(`/v1/messages/${id}/attempts`);
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

    it('of an unknown message is listed with 200 and an empty list', async () => {
      for (const id of ['x', '01935abc-def0-7123-8567-890abcdef012']) {
        const answer = await environment.client.get(`/v1/messages/${id}/attempts`);
        expect([answer.status, answer.body.data, answer.body.meta.has_more]).toEqual([200, [], false]);
      }
    });
  });

  describe('signing keys', () => {
    it('sign each attempt that begins while they are valid: first the old key, then both with the newest first, then the new key', async () => {
      const endpoint = await environment.endpoint();
      const deliver = async () => {
        await environment.accepted(endpoint.id);
        await environment.clock.settled();
        return environment.receiver.at(endpoint.path).at(-1)!;
      };
      const keys = `/v1/endpoints/${endpoint.id}/signing-keys`;
      expect(String((await deliver()).headers['webhook-signature']).split(' ')).toHaveLength(1);
      const added = (await environment.client.post(keys)).body.data;
      const both = await deliver();
      const [first, second] = String(both.headers['x-webhook-signature']).split(',');
      const alone = (signature?: string) => ({ ...both, headers: { ...both.headers, 'x-webhook-signature': signature } });
      expect(verified(alone(first) as Delivery, [added.signing_secret], 'x-webhook')).toBe(true);
      expect(verified(alone(second) as Delivery, [endpoint.signing_secret], 'x-webhook')).toBe(true);
      expect(String(both.headers['webhook-signature']).split(' ')).toHaveLength(2);
      expect([verified(both, [added.signing_secret]), verified(both, [endpoint.signing_secret])]).toEqual([true, true]);
      await environment.client.delete(`${keys}/${endpoint.signing_key_id}`);
      const last = await deliver();
      expect([verified(last, [added.signing_secret]), verified(last, [endpoint.signing_secret])]).toEqual([true, false]);
      expect(String(last.headers['x-webhook-signature']).split(',')).toHaveLength(1);
    });

    it('of a retry are the keys that are valid at the retry and not at the send', async () => {
      const endpoint = await environment.endpoint();
      environment.receiver.script.push(503);
      await environment.accepted(endpoint.id);
      await environment.clock.settled();
      const keys = `/v1/endpoints/${endpoint.id}/signing-keys`;
      const added = (await environment.client.post(keys)).body.data;
      await environment.client.delete(`${keys}/${endpoint.signing_key_id}`);
      await environment.clock.advance(HOUR);
      const retry = environment.receiver.at(endpoint.path).at(-1)!;
      expect([verified(retry, [added.signing_secret]), verified(retry, [endpoint.signing_secret])]).toEqual([true, false]);
    });
  });

  describe('an endpoint', () => {
    it('that is paused keeps its messages, and gets them after it is resumed', async () => {
      const endpoint = await environment.endpoint();
      environment.receiver.script.push(503);
      const waiting = await environment.accepted(endpoint.id);
      await environment.clock.settled();
      expect((await environment.client.post(`/v1/endpoints/${endpoint.id}/pause`)).status).toBe(200);
      const kept = await environment.accepted(endpoint.id);
      for (const id of [waiting, kept]) expect(await environment.message(id)).toMatchObject({ status: 'paused', next_attempt_at: null });
      await environment.clock.advance(2 * HOUR);
      expect(environment.receiver.at(endpoint.path)).toHaveLength(1);
      const resumed = await environment.client.post(`/v1/endpoints/${endpoint.id}/resume`);
      expect(resumed.body.data).toEqual({ id: endpoint.id, paused: false, messages_requeued: 2 });
      await environment.clock.settled();
      for (const id of [waiting, kept]) expect(await environment.message(id)).toMatchObject({ status: 'succeeded' });
      expect(environment.receiver.at(endpoint.path)).toHaveLength(3);
    });

    it('that is deleted gets no more messages, and its waiting messages have failed finally', async () => {
      const endpoint = await environment.endpoint();
      environment.receiver.script.push(503);
      const id = await environment.accepted(endpoint.id);
      await environment.clock.settled();
      await environment.client.delete(`/v1/endpoints/${endpoint.id}`);
      expect(await environment.message(id)).toMatchObject({ status: 'failed_permanent', last_error: 'the endpoint was deleted' });
      await environment.clock.advance(100 * HOUR);
      expect(environment.receiver.at(endpoint.path)).toHaveLength(1);
    });

    it('with a rate limit gets messages in a burst and then at its rate, and waiting uses up no attempt', () =>
      environment.clock.stopped(async () => {
        const endpoint = await environment.endpoint({ rate_limit_rps: 1, burst: 3 });
        const ids = [];
        for (let i = 0; i < 5; i++) ids.push(await environment.accepted(endpoint.id));
        await environment.clock.settled();
        expect(environment.receiver.at(endpoint.path)).toHaveLength(3);
        for (const most of [4, 5, 5, 5, 5]) {
          await environment.clock.advance(1000);
          expect(environment.receiver.at(endpoint.path).length).toBeLessThanOrEqual(most);
        }
        expect(environment.receiver.at(endpoint.path)).toHaveLength(5);
        for (const id of ids) expect(await environment.message(id)).toMatchObject({ status: 'succeeded', attempt_count: 1 });
      }));
  });

  it('a process claims no more messages for a silent receiver than it can start, and releases those it claimed within seconds', async () => {
    // One endpoint gets at most a quarter of the four concurrent attempts.
    const own = await WebhookEnvironment.open(name, { SIGNET_WEBHOOKS: 'concurrency=4,timeout=60000ms' });
    const endpoint = await own.endpoint();
    // Messages are claimed ahead only for a receiver that answers fast: here an answer takes no time.
    const clock = own.service.app.get(Clock);
    let nowMs = clock.monotonic();
    clock.monotonic = () => nowMs;
    const first = await own.accepted(endpoint.id);
    await own.clock.settled();
    const answers: (() => void)[] = [];
    own.receiver.reply = (_, response) => void answers.push(() => response.end());
    // All three messages are due and claimed at once.
    const pause = (action: 'pause' | 'resume') => own.client.post(`/v1/endpoints/${endpoint.id}/${action}`);
    await pause('pause');
    const waiting = [await own.accepted(endpoint.id), await own.accepted(endpoint.id), await own.accepted(endpoint.id)];
    await pause('resume');
    await own.receiver.arrived(2);
    const statuses = async () => Promise.all(waiting.map(async (id) => (await own.message(id))['status'] as string));
    expect(await statuses()).toEqual(['delivering', 'delivering', 'delivering']);
    // Two of them are released after they have waited for two seconds, and are not claimed again.
    nowMs += 2000;
    const delivering = async () => (await statuses()).filter((status) => status === 'delivering').length;
    await until(async () => (await delivering()) === 1);
    expect((await statuses()).sort()).toEqual(['delivering', 'queued', 'queued']);
    own.receiver.reply = 200;
    for (const answer of answers) answer();
    await own.clock.settled();
    for (const id of [first, ...waiting]) expect(await own.message(id)).toMatchObject({ status: 'succeeded', attempt_count: 1 });
    await own.close();
  });

  it.each([
    ['secret does not open', 'UPDATE signing_keys SET secret = ? WHERE endpoint_id = ?', `K1.${'A'.repeat(80)}`, /signing keys/],
    ['URL cannot be read', 'UPDATE webhook_endpoints SET url = ? WHERE id = ?', 'no url', /could not be made/],
  ])('a message whose endpoint’s %s is attempted and becomes a dead letter', async (_, sql, value, why) => {
    const endpoint = await environment.endpoint();
    const database = environment.service.app.get(Database, { strict: false });
    await database.transaction((tx) => tx.run(sql, [value, endpoint.id]));
    const id = await environment.accepted(endpoint.id);
    for (let attempts = 1; attempts <= 8; attempts++) {
      await environment.clock.settled();
      expect(await environment.message(id)).toMatchObject({ attempt_count: attempts, last_error: expect.stringMatching(why) });
      await environment.clock.advance(73 * HOUR);
    }
    expect(await environment.message(id)).toMatchObject({ status: 'failed_permanent', attempt_count: 8 });
    expect(environment.receiver.at(endpoint.path)).toEqual([]);
  });

  describe('retention', () => {
    it('of 0 hours deletes the payload after delivery, and any other retention when it has passed; the message is deleted later', async () => {
      const endpoint = await environment.endpoint();
      const [gone, kept] = [
        await environment.accepted(endpoint.id, { retention_hours: 0 }),
        await environment.accepted(endpoint.id, { retention_hours: 1 }),
      ];
      await environment.clock.settled();
      expect(await environment.message(gone)).toMatchObject({ status: 'succeeded', payload_expires_at: null });
      const replay = async (id: string) => {
        const { status, body } = await environment.client.post(`/v1/messages/${id}/replay`);
        return [status, body.error?.code];
      };
      expect(await replay(gone)).toEqual([410, 'PAYLOAD_UNAVAILABLE']);
      await environment.clock.advance(HOUR);
      await environment.clock.tidied();
      expect(await replay(kept)).toEqual([410, 'RETENTION_EXPIRED']);
      await environment.clock.advance(91 * 24 * HOUR);
      await environment.clock.tidied();
      expect((await environment.client.get(`/v1/messages/${kept}`)).status).toBe(404);
    });
  });

  it('no log line contains a payload, a header, a secret or a key', async () => {
    const endpoint = await environment.endpoint({ headers: { 'X-Token': 'canary-a7' } });
    environment.receiver.script.push(500);
    const id = await environment.accepted(endpoint.id, { payload: { card: 'canary-b7' }, headers: { 'X-Key': 'canary-c7' } });
    await environment.clock.settled();
    await environment.send({ endpoint_id: endpoint.id, payload: { card: 'canary-d7' }, headers: { Host: 'canary-e7' } });
    expect(await environment.message(id)).toMatchObject({ status: 'pending_retry' });
    const lines = environment.service.logs.join('');
    expect(lines).toContain('/v1/webhooks/send');
    for (const secret of ['canary', endpoint.signing_secret, environment.client.key]) expect(lines).not.toContain(secret);
  });
});
