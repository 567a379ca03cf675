import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { verifyWebhook } from '#signing/webhook.js';
import { onBothDatabases } from '../support/databases.js';
import { freePort } from '../support/process.js';
import { WebhookEnvironment } from '../support/webhook-environment.js';

const NO_ENDPOINT = `ep_${'0'.repeat(32)}`;
const NO_KEY = 'sk_00000000000000000000000000000000';

onBothDatabases((name) => {
  let environment: WebhookEnvironment;
  beforeAll(async () => {
    environment = await WebhookEnvironment.open(name);
  });
  afterAll(() => environment.close());
  beforeEach(() => {
    environment.receiver.reply = 200;
    environment.receiver.script.length = 0;
  });

  const at = (endpointId: string, path: string) => `/signet/v1/endpoints/${endpointId}${path}`;
  const deliveriesTo = (path: string) => environment.receiver.at(path);

  describe('a test of one signing key', () => {
    const withTwoKeys = async () => {
      const endpoint = await environment.endpoint();
      const added = (await environment.client.post(`/v1/endpoints/${endpoint.id}/signing-keys`)).body.data;
      return {
        endpoint,
        first: { id: endpoint.signing_key_id, secret: endpoint.signing_secret },
        second: { id: added.id, secret: added.signing_secret },
      };
    };

    it('sends one message that only this key signs, and stores nothing', async () => {
      const { endpoint, first, second } = await withTwoKeys();
      for (const key of [first, second]) {
        const { status, body } = await environment.client.post(at(endpoint.id, `/signing-keys/${key.id}/test`));
        expect([status, body]).toEqual([
          200,
          { delivered: true, response_status: 200, response_latency_ms: expect.any(Number), error: null, message_id: expect.any(String) },
        ]);
        const delivery = deliveriesTo(endpoint.path).at(-1)!;
        expect(JSON.parse(delivery.body.toString())).toMatchObject({ type: 'signing_key.test', signing_key_id: key.id });
        expect(delivery.headers['webhook-id']).toBe(body.message_id);
        for (const dialect of ['x-webhook', 'standard'] as const)
          expect(
            [first, second].map(({ secret }) => verifyWebhook(delivery, { dialect, secrets: [secret], now: environment.clock.now }).ok),
          ).toEqual([key === first, key === second]);
      }
      expect(deliveriesTo(endpoint.path)).toHaveLength(2);
      expect((await environment.client.get(`/v1/logs?endpoint_id=${endpoint.id}`)).body.data).toEqual([]);
    });

    it('returns the receiver’s answer, or the reason why there is none', async () => {
      const { endpoint, first } = await withTwoKeys();
      environment.receiver.reply = 503;
      expect((await environment.client.post(at(endpoint.id, `/signing-keys/${first.id}/test`))).body).toMatchObject({
        delivered: false,
        response_status: 503,
        error: null,
      });
      // Nothing listens on the port of a server that has been closed.
      await environment.client.patch(`/v1/endpoints/${endpoint.id}`, { url: `http://127.0.0.1:${await freePort()}/closed` });
      expect((await environment.client.post(at(endpoint.id, `/signing-keys/${first.id}/test`))).body).toMatchObject({
        delivered: false,
        response_status: null,
        error: expect.any(String),
      });
      expect(deliveriesTo(endpoint.path)).toHaveLength(1);
    });

    it('is audited, and answered 404 for an unknown key or endpoint', async () => {
      const { endpoint, first } = await withTwoKeys();
      await environment.client.post(at(endpoint.id, `/signing-keys/${first.id}/test`));
      const { events } = (await environment.admin.get(`/signet/v1/audit?action=TestSigningKey&resource_id=${first.id}`)).body;
      expect(events).toHaveLength(1);
      for (const path of [at(endpoint.id, `/signing-keys/${NO_KEY}/test`), at(NO_ENDPOINT, `/signing-keys/${first.id}/test`)])
        expect((await environment.client.post(path)).status).toBe(404);
    });
  });

  describe('a replay of a time range', () => {
    it('previews the count, then delivers only the failed messages of the range', async () => {
      const endpoint = await environment.endpoint();
      const id = async (reply: number) => {
        environment.receiver.reply = reply;
        const message = await environment.accepted(endpoint.id);
        await environment.clock.settled();
        return message;
      };
      const [before, from] = [await id(404), new Date(environment.clock.now() + 1000).toISOString()];
      await environment.clock.advance(2000);
      const [failed, delivered] = [await id(404), await id(200)];
      const to = new Date(environment.clock.now() + 1000).toISOString();
      const stretch = (more = {}) => environment.client.post(at(endpoint.id, '/replay'), { from, to, ...more });
      expect((await stretch({ preview: true })).body).toEqual({ matching: 1, preview: true, replayed: 0, failed: 0, stuck: 0 });
      expect(await environment.message(failed)).toMatchObject({ replay_count: 0 });
      expect((await stretch()).body).toEqual({ matching: 1, preview: false, replayed: 1, failed: 0, stuck: 0 });
      await environment.clock.settled();
      expect(await environment.message(failed)).toMatchObject({ status: 'succeeded', replay_count: 1 });
      expect(await environment.message(before)).toMatchObject({ status: 'failed_permanent', replay_count: 0 });
      const both = await stretch({ statuses: ['succeeded', 'failed_permanent'], limit: 1 });
      expect(both.body).toMatchObject({ matching: 2, replayed: 1 });
      await environment.clock.settled();
      expect(await environment.message(delivered)).toMatchObject({ replay_count: 0 });
    });

    it.each([
      [{ to: '2026-01-02T00:00:00Z' }, 'from'],
      [{ from: 'yesterday', to: '2026-01-02T00:00:00Z' }, 'from'],
      [{ from: '2026-01-02T00:00:00Z', to: '2026-01-02T00:00:00Z' }, 'to'],
      [{ from: '2026-01-01T00:00:00Z', to: '2026-01-02T00:00:00Z', statuses: ['queued'] }, 'statuses'],
      [{ from: '2026-01-01T00:00:00Z', to: '2026-01-02T00:00:00Z', limit: 1001 }, 'limit'],
    ])('is refused for %j with 400, naming %s', async (body, field) => {
      const endpoint = await environment.endpoint();
      const answer = await environment.client.post(at(endpoint.id, '/replay'), body);
      expect([answer.status, JSON.stringify(answer.body)]).toEqual([400, expect.stringContaining(field)]);
    });

    it('gets 404 for an unknown endpoint', async () => {
      const stretch = { from: '2026-01-01T00:00:00Z', to: '2026-01-02T00:00:00Z' };
      expect((await environment.client.post(at(NO_ENDPOINT, '/replay'), stretch)).status).toBe(404);
    });
  });

  it('the metrics of an endpoint count only its messages, and show how many wait and for how long', async () => {
    const [endpoint, other] = [await environment.endpoint(), await environment.endpoint()];
    await environment.accepted(other.id);
    await environment.accepted(endpoint.id);
    await environment.clock.settled();
    environment.receiver.reply = 404;
    await environment.accepted(endpoint.id);
    await environment.clock.settled();
    environment.receiver.reply = 503;
    await environment.accepted(endpoint.id);
    await environment.clock.settled();
    await environment.clock.advance(5000);
    expect((await environment.client.get(at(endpoint.id, '/metrics?window=1h'))).body).toMatchObject({
      total_messages: 3,
      succeeded: 1,
      dead_letters: 1,
      waiting: 1,
      oldest_waiting_seconds: expect.any(Number),
      last_success_at: expect.any(String),
      last_failure_at: expect.any(String),
    });
    expect((await environment.client.get(at(NO_ENDPOINT, '/metrics'))).status).toBe(404);
  });
});
