import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { EVENT_KINDS, EVENTS, type EventKind } from '../../src/platform/common/events.js';
import { RotationScheduler } from '../../src/distribution/rotation/rotation-scheduler.js';
import { ExpiredKeys } from '../../src/webhooks/signing-keys/expired-keys.js';
import { verifyWebhook } from 'signet-signing';
import { onBothDatabases } from '../support/databases.js';
import { WebhookEnvironment } from '../support/webhook-environment.js';
import { WebhookClient } from '../support/webhooks.js';
import { until } from '../support/until.js';

const HOUR = 3_600_000;
const NO_ENDPOINT = `ep_${'0'.repeat(32)}`;

onBothDatabases((name) => {
  let environment: WebhookEnvironment;
  beforeAll(async () => {
    environment = await WebhookEnvironment.open(name, { SIGNET_WEBHOOKS: 'disable-after=0' });
  });
  afterAll(() => environment.close());
  const refusing = new Set<string>();
  beforeEach(() => {
    refusing.clear();
    environment.receiver.reply = (request, response) => response.writeHead(refusing.has(request.url ?? '') ? 404 : 200).end();
  });

  const state = (id: string) => `/signet/v1/endpoints/${id}`;
  const ask = (id: string, events: readonly string[], client = environment.client) => client.patch(state(id), { events });
  const listening: string[] = [];
  const listener = async (events: readonly EventKind[] = EVENT_KINDS, client = environment.client) => {
    const path = `/listener/${listening.length}`;
    const endpoint = await client.endpoint({ url: environment.receiver.origin + path });
    listening.push(endpoint.id);
    expect((await ask(endpoint.id, events, client)).status).toBe(200);
    return { ...endpoint, path };
  };
  /** Ends the subscriptions of a test, so that the next test has room for its own. */
  const silence = async () => {
    for (const id of listening) await ask(id, []);
  };
  const told = async (path: string) => {
    await environment.clock.settled();
    return environment.receiver
      .at(path)
      .map(({ body }) => JSON.parse(body) as { type: string; timestamp: string; data: Record<string, unknown> });
  };
  const keysOf = (id: string) => `/v1/endpoints/${id}/signing-keys`;
  const clockOfKeys = () => environment.service.app.get(ExpiredKeys, { strict: false }).tick();
  const trail = async (action: string, id: string) =>
    (await environment.admin.get(`/signet/v1/audit?action=${action}&resource_id=${id}`)).body.events as { user_name: string }[];

  beforeEach(silence);

  describe('an endpoint that subscribes to events', () => {
    it('gets each event as a message, signed like all messages, with the data of its kind', async () => {
      const ear = await listener();
      const endpoint = await environment.endpoint();
      refusing.add(endpoint.path);
      const dead = await environment.accepted(endpoint.id);
      await environment.clock.settled();
      const added = (await environment.client.post(keysOf(endpoint.id))).body.data;
      const ends = new Date(environment.clock.now() + 2 * HOUR).toISOString();
      await environment.client.patch(`${state(endpoint.id)}/signing-keys/${endpoint.signing_key_id}`, { expires_at: ends });
      await clockOfKeys();
      await clockOfKeys();
      await environment.clock.advance(3 * HOUR);
      await clockOfKeys();
      const third = (await environment.client.post(keysOf(endpoint.id))).body.data;
      await environment.client.delete(`${keysOf(endpoint.id)}/${added.id}`);
      await environment.client.delete(`/v1/endpoints/${endpoint.id}`);
      const events = await told(ear.path);
      expect(events.map(({ type, data }) => [type, data['signing_key_id'] ?? data['message_id'], data['reason'] ?? null]).sort()).toEqual(
        [
          ['message.dead', dead, null],
          ['signing_key.created', endpoint.signing_key_id, null],
          ['signing_key.created', added.id, null],
          ['signing_key.expiring', endpoint.signing_key_id, null],
          ['signing_key.deleted', endpoint.signing_key_id, 'expired'],
          ['signing_key.created', third.id, null],
          ['signing_key.deleted', added.id, 'deleted'],
          ['signing_key.deleted', third.id, 'endpoint_deleted'],
        ].sort(),
      );
      for (const { type, timestamp, data } of events) {
        expect(Object.keys(data).sort()).toEqual([...EVENTS[type as EventKind]].sort());
        expect(data['endpoint_id']).toBe(endpoint.id);
        expect(new Date(timestamp).toISOString()).toBe(timestamp);
      }
      for (const delivery of environment.receiver.at(ear.path))
        for (const dialect of ['standard', 'x-webhook'] as const) {
          const now = () => Number(delivery.headers['webhook-timestamp']) * 1000;
          expect(verifyWebhook(delivery, { dialect, secrets: [ear.signing_secret], now }).ok).toBe(true);
        }
      expect(await trail('AnnounceSigningKeyEnd', endpoint.signing_key_id)).toMatchObject([{ user_name: 'signet' }]);
      expect(await trail('ExpireSigningKey', endpoint.signing_key_id)).toMatchObject([{ user_name: 'signet' }]);
    });

    it('gets the steps of a gateway key’s rotation, whether a request or the schedule takes them', async () => {
      const ear = await listener(['signature_key.promoted', 'signature_key.retired']);
      const gateway = await environment.admin.gateway();
      const { id: sign_id } = (await environment.admin.post(`/v2/{project}/apigw/instances/${gateway}/signs`, { name: 'key_of_events' }))
        .body;
      const rotation = `/signet/v1/instances/${gateway}/signs/${sign_id}/rotation`;
      expect((await environment.admin.post(rotation, { overlap_seconds: 60 })).status).toBe(201);
      expect((await environment.admin.post(`${rotation}/promote`, {})).status).toBe(200);
      await until(async () => (await environment.admin.get(rotation)).body.retirement.signers === 'complete');
      await environment.clock.advance(61_000);
      await environment.service.app.get(RotationScheduler, { strict: false }).tick();
      const about = { instance_id: gateway, sign_id };
      expect(await told(ear.path)).toMatchObject([
        { type: 'signature_key.promoted', data: { ...about, version: 2, retires: 1 } },
        { type: 'signature_key.retired', data: { ...about, version: 1, by: 'signet' } },
      ]);
    });

    it('gets only the kinds that it subscribes to, from its own project, until it unsubscribes', async () => {
      const ear = await listener(['signing_key.deleted']);
      const foreign = await WebhookClient.of(await environment.service.client());
      const stranger = await listener(EVENT_KINDS, foreign);
      const endpoint = await environment.endpoint();
      const first = (await environment.client.post(keysOf(endpoint.id))).body.data;
      await environment.client.delete(`${keysOf(endpoint.id)}/${first.id}`);
      expect((await told(ear.path)).map(({ type }) => type)).toEqual(['signing_key.deleted']);
      expect((await environment.client.get(state(ear.id))).body.events).toEqual(['signing_key.deleted']);
      await ask(ear.id, []);
      const second = (await environment.client.post(keysOf(endpoint.id))).body.data;
      await environment.client.delete(`${keysOf(endpoint.id)}/${second.id}`);
      expect(await told(ear.path)).toHaveLength(1);
      expect(await told(stranger.path)).toEqual([]);
    });

    it('gets no event about refused requests or dry runs', async () => {
      const endpoint = await environment.endpoint();
      await environment.client.post(keysOf(endpoint.id));
      const ear = await listener();
      expect((await environment.client.post(keysOf(endpoint.id))).status).toBe(409);
      expect((await environment.client.delete(`${keysOf(endpoint.id)}/${endpoint.signing_key_id}?dry_run=true`)).status).toBe(200);
      expect(await told(ear.path)).toEqual([]);
    });

    it('gets the events of a pause after the pause', async () => {
      const ear = await listener(['signing_key.created']);
      await environment.client.post(`/v1/endpoints/${ear.id}/pause`);
      const endpoint = await environment.endpoint();
      expect(await told(ear.path)).toEqual([]);
      expect((await environment.client.post(`/v1/endpoints/${ear.id}/resume`)).body.data).toMatchObject({ messages_requeued: 1 });
      expect(await told(ear.path)).toMatchObject([{ data: { endpoint_id: endpoint.id, signing_key_id: endpoint.signing_key_id } }]);
    });
  });

  describe('events cause no loop:', () => {
    it('a dead event causes no event, and an endpoint gets no events about its own dead messages', async () => {
      const [first, second] = [await listener(['message.dead']), await listener(['message.dead'])];
      const endpoint = await environment.endpoint();
      for (const { path } of [endpoint, first, second]) refusing.add(path);
      await environment.accepted(endpoint.id);
      await environment.accepted(first.id);
      await environment.clock.settled();
      await environment.clock.settled();
      const about = (events: { data?: Record<string, unknown> }[]) => events.map(({ data }) => data?.['endpoint_id']).filter((id) => id);
      // The first endpoint's own dead message caused no event for that endpoint.
      expect(about(await told(first.path))).toEqual([endpoint.id]);
      expect(about(await told(second.path)).sort()).toEqual([endpoint.id, first.id].sort());
    });

    it('a cancelled message, and one whose endpoint was deleted, cause no event', async () => {
      const ear = await listener(['message.dead']);
      const endpoint = await environment.endpoint();
      environment.receiver.script.push(503, 503);
      const [cancelled] = [await environment.accepted(endpoint.id), await environment.accepted(endpoint.id)];
      await environment.clock.settled();
      expect((await environment.client.post(`/v1/messages/${cancelled}/cancel`)).status).toBe(200);
      await environment.client.delete(`/v1/endpoints/${endpoint.id}`);
      expect(await told(ear.path)).toEqual([]);
    });
  });

  describe('a subscription', () => {
    it('is audited once, and repeating it changes nothing', async () => {
      const endpoint = await environment.endpoint();
      const answer = await ask(endpoint.id, ['message.dead', 'endpoint.disabled']);
      expect(answer.body).toMatchObject({ id: endpoint.id, events: ['endpoint.disabled', 'message.dead'] });
      await ask(endpoint.id, ['endpoint.disabled', 'message.dead']);
      expect(await trail('UpdateEndpointEvents', endpoint.id)).toHaveLength(1);
      await ask(endpoint.id, []);
    });

    it.each([[{ events: ['endpoint.gone'] }], [{ events: ['message.dead', 'message.dead'] }], [{ events: 'message.dead' }], [{}]])(
      'is refused with 400 for %j',
      async (body) => {
        const endpoint = await environment.endpoint();
        expect((await environment.client.patch(state(endpoint.id), body)).status).toBe(400);
      },
    );

    it('gets 404 for an unknown endpoint and for one of another project', async () => {
      const endpoint = await environment.endpoint();
      const foreign = await WebhookClient.of(await environment.service.client());
      expect((await ask(NO_ENDPOINT, ['message.dead'])).status).toBe(404);
      expect((await ask(endpoint.id, ['message.dead'], foreign)).status).toBe(404);
    });

    it('is limited to ten endpoints of a project, also for concurrent requests, and deleted endpoints do not count', async () => {
      const client = await WebhookClient.of(await environment.service.client());
      const endpoints = await Promise.all(Array.from({ length: 12 }, () => client.endpoint()));
      const answers = await Promise.all(endpoints.map(({ id }) => ask(id, ['message.dead'], client)));
      expect(answers.filter(({ status }) => status === 200)).toHaveLength(10);
      const refused = answers.findIndex(({ status }) => status !== 200);
      expect([answers[refused]!.status, answers[refused]!.body.code]).toEqual([409, 'TOO_MANY_EVENT_ENDPOINTS']);
      const asks = answers.findIndex(({ status }) => status === 200);
      expect((await ask(endpoints[asks]!.id, ['endpoint.disabled'], client)).status).toBe(200);
      await client.delete(`/v1/endpoints/${endpoints[asks]!.id}`);
      expect((await ask(endpoints[refused]!.id, ['message.dead'], client)).status).toBe(200);
    });
  });
});
