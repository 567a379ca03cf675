import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Database } from '../../src/platform/database/database.js';
import { EndpointHealth } from '../../src/webhooks/delivery/endpoint-health.service.js';
import { onBothDatabases } from '../support/databases.js';
import { WebhookEnvironment } from '../support/webhook-environment.js';
import { until } from '../support/until.js';

const HOUR = 3_600_000;
/** Longer than a lease and longer than an attempt. */
const MINUTE = 60_000;

onBothDatabases((name) => {
  let environment: WebhookEnvironment;
  const failing = new Set<string>();
  beforeAll(async () => {
    environment = await WebhookEnvironment.open(name);
    environment.receiver.reply = (request, response) => response.writeHead(failing.has(request.url ?? '') ? 503 : 200).end();
  });
  afterAll(() => environment.close());
  beforeEach(() => failing.clear());

  const at = (id: string) => `/signet/v1/endpoints/${id}`;
  const state = async (id: string) => (await environment.client.get(at(id))).body as Record<string, unknown>;
  const trail = async (action: string, id: string) =>
    environment.service.app
      .get(Database, { strict: false })
      .rows('SELECT user_name AS byWhom FROM audit_events WHERE action = ? AND resource_id = ?', [action, id]);
  /** Advances the clock, runs the health check of endpoints, and waits for the deliveries that follow. */
  const pass = async (ms: number) => {
    await environment.clock.advance(ms);
    await environment.service.app.get(EndpointHealth, { strict: false }).tick();
    await environment.clock.settled();
  };
  const down = async () => {
    const endpoint = await environment.endpoint();
    failing.add(endpoint.path);
    const message = await environment.accepted(endpoint.id);
    await environment.clock.settled();
    return { ...endpoint, message };
  };

  describe('an endpoint that fails for five days', () => {
    it('is paused by the service, with the reason in its state and the audit trail, and gets another five days when it is resumed', async () => {
      const endpoint = await down();
      expect(await state(endpoint.id)).toMatchObject({ paused: false, failing_since: expect.any(String), disabled_at: null });
      for (let i = 0; i < 7; i++) await environment.clock.advance(73 * HOUR);
      const { failing_since } = await state(endpoint.id);
      expect(await state(endpoint.id)).toMatchObject({
        disabled_at: expect.any(String),
        disabled_reason: `no delivery has succeeded since ${String(failing_since)}`,
      });
      expect((await environment.client.get(`/v1/endpoints/${endpoint.id}`)).body.data).toMatchObject({ paused: true });
      expect(await trail('DisableWebhookEndpoint', endpoint.id)).toEqual([{ byWhom: 'signet' }]);
      expect((await environment.client.post(`/v1/endpoints/${endpoint.id}/resume`)).status).toBe(200);
      expect(await state(endpoint.id)).toMatchObject({ paused: false, failing_since: null, disabled_at: null, disabled_reason: null });
    });

    it('is not paused if one delivery succeeded in between', async () => {
      const endpoint = await down();
      await environment.clock.advance(100 * HOUR);
      failing.clear();
      await environment.accepted(endpoint.id);
      await environment.clock.settled();
      expect(await state(endpoint.id)).toMatchObject({ failing_since: null });
      failing.add(endpoint.path);
      await environment.clock.advance(100 * HOUR);
      await environment.accepted(endpoint.id);
      await environment.clock.settled();
      expect(await state(endpoint.id)).toMatchObject({ paused: false });
    });
  });

  describe('an endpoint without successful deliveries', () => {
    it('causes one warning after half of its time, and is disabled after all of it when the attempt of one waiting message fails', async () => {
      const ear = await environment.endpoint();
      await environment.client.patch(at(ear.id), { events: ['endpoint.failing', 'endpoint.disabled'] });
      const endpoint = await down();
      const { failing_since, disables_at } = await state(endpoint.id);
      await pass(59 * HOUR);
      expect(await state(endpoint.id)).toMatchObject({ warned_at: null });
      await pass(2 * HOUR);
      await pass(0);
      expect(await state(endpoint.id)).toMatchObject({ paused: false, warned_at: expect.any(String) });
      expect(await trail('WarnFailingWebhookEndpoint', endpoint.id)).toEqual([{ byWhom: 'signet' }]);
      await pass(58 * HOUR);
      const before = environment.receiver.at(endpoint.path).length;
      // Without it, the next retry would be hours away.
      await pass(2 * HOUR);
      expect(environment.receiver.at(endpoint.path)).toHaveLength(before + 1);
      expect(await state(endpoint.id)).toMatchObject({ paused: true, disabled_at: expect.any(String) });
      expect(await trail('DisableWebhookEndpoint', endpoint.id)).toEqual([{ byWhom: 'signet' }]);
      expect(await environment.message(endpoint.message)).toMatchObject({ status: 'paused' });
      // The second is stored by the attempt that failed last, and sent after it.
      await until(() => environment.receiver.at(ear.path).length === 2);
      const events = environment.receiver.at(ear.path).map(({ body }) => JSON.parse(body) as object);
      expect(events).toMatchObject([
        { type: 'endpoint.failing', data: { endpoint_id: endpoint.id, failing_since, disables_at } },
        { type: 'endpoint.disabled', data: { endpoint_id: endpoint.id, failing_since, reason: expect.stringContaining('no delivery') } },
      ]);
    });

    it('stays active if that attempt succeeds', async () => {
      const endpoint = await down();
      await pass(61 * HOUR);
      await pass(58 * HOUR);
      failing.clear();
      await pass(2 * HOUR);
      expect(await state(endpoint.id)).toMatchObject({ paused: false, failing_since: null, warned_at: null });
      expect(await environment.message(endpoint.message)).toMatchObject({ status: 'succeeded' });
    });

    it('is disabled without an attempt if each message has only its last one left, which it keeps', async () => {
      const endpoint = await down();
      for (const hours of [0.5, 2, 6, 12, 24, 48]) await environment.clock.advance(hours * HOUR);
      expect(await environment.message(endpoint.message)).toMatchObject({ status: 'pending_retry', attempt_count: 7 });
      await pass(28 * HOUR);
      expect(await state(endpoint.id)).toMatchObject({ paused: false });
      await pass(MINUTE);
      expect(await state(endpoint.id)).toMatchObject({ paused: true, disabled_at: expect.any(String) });
      expect(await environment.message(endpoint.message)).toMatchObject({ status: 'paused', attempt_count: 7 });
      failing.clear();
      await environment.client.post(`/v1/endpoints/${endpoint.id}/resume`);
      await environment.clock.settled();
      expect(await environment.message(endpoint.message)).toMatchObject({ status: 'succeeded', attempt_count: 8 });
    });

    it('stays active without waiting messages, until the next message decides', async () => {
      const endpoint = await down();
      expect((await environment.client.post(`/v1/messages/${endpoint.message}/cancel`)).status).toBe(200);
      for (let i = 0; i < 3; i++) await pass(50 * HOUR);
      expect(await state(endpoint.id)).toMatchObject({ paused: false, warned_at: expect.any(String) });
      await environment.accepted(endpoint.id);
      await environment.clock.settled();
      expect(await state(endpoint.id)).toMatchObject({ paused: true });
    });
  });
});
