import type { ServerResponse } from 'node:http';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Clock } from '../../src/platform/common/clock.js';
import { Database } from '../../src/platform/database/database.js';
import { DELIVERIES } from '../../src/webhooks/delivery-log/delivery-log.js';
import { Pulse } from '../../src/platform/recovery/pulse.js';
import { DeliverySession } from '../../src/webhooks/delivery/delivery-session.js';
import { verifyWebhook } from 'signet-signing';
import { onBothDatabases } from '../support/databases.js';
import { joined } from '../support/environment.js';
import { LOOPBACK_ENV } from '../support/receiver.js';
import { type Answer, TestService } from '../support/service.js';
import { WebhookEnvironment } from '../support/webhook-environment.js';
import { newUrl, type NewEndpoint, WebhookClient } from '../support/webhooks.js';

/** No attempt that a test holds open ends by itself. A process that delivers has a lease of twice that, and five seconds. */
const ENV = joined(LOOPBACK_ENV, { SIGNET_WEBHOOKS: 'timeout=60s' });

/**
 * The factor by which test clocks run faster. The pulse must be less than a second old on these clocks, so a larger factor would fail on a
 * slow machine.
 */
const FASTER = 5;

onBothDatabases((name) => {
  let ground: WebhookEnvironment;
  let database: Database;
  /** The responses that are held back, and the paths for which the receiver holds them back. */
  let owed: ServerResponse[];
  let silent: Set<string>;
  beforeAll(async () => {
    ground = await WebhookEnvironment.open(name, ENV);
    database = ground.service.app.get(Database);
  });
  afterAll(() => ground.close());
  beforeEach(() => {
    owed = [];
    silent = new Set();
    ground.receiver.reply = (request, response) => {
      if (silent.has(request.url ?? '')) owed.push(response);
      else response.end();
    };
  });
  afterEach(() => {
    silent.clear();
    for (const response of owed) response.end();
  });

  const keys = ({ id }: { id: string }, keyId = '') => `/v1/endpoints/${id}/signing-keys${keyId && `/${keyId}`}`;
  const shown = async (receipt: string) => (await ground.client.get(receipt)).body;
  const receiptOf = ({ headers }: Answer) => headers.get('signet-receipt') ?? 'no receipt';
  const addKey = async (endpoint: NewEndpoint) => (await ground.client.post(keys(endpoint))).body.data as { signing_secret: string };
  /** Deletes the key that was created with the endpoint. */
  const deleteKey = (endpoint: NewEndpoint, headers: Record<string, string> = {}) =>
    ground.client.call('DELETE', keys(endpoint, endpoint.signing_key_id), undefined, headers);
  const complete = async (receipt: string) => {
    let found = await shown(receipt);
    while (found.complete !== true) found = await shown(receipt);
    return found;
  };
  /** Starts a delivery whose response the receiver holds back. */
  const underWay = async ({ id, path }: NewEndpoint & { path: string }) => {
    silent.add(path);
    const messageId = await ground.accepted(id);
    while (owed.length === 0) await new Promise(setImmediate);
    return messageId;
  };
  /** The receiver sends the responses it held back, and from now on answers at once. */
  const answer = (status: number) => {
    silent.clear();
    for (const response of owed.splice(0)) response.writeHead(status).end();
  };
  const isSignedWith = (delivery: (typeof ground.receiver.deliveries)[number], secret: string) =>
    verifyWebhook(delivery, { dialect: 'standard', secrets: [secret], now: ground.clock.now }).ok;

  describe('DELETE /v1/endpoints/{id}/signing-keys/{keyId}', () => {
    it('returns the URL of the receipt in addition to the contract’s answer', async () => {
      const endpoint = await ground.endpoint();
      await addKey(endpoint);
      const answer = await deleteKey(endpoint);
      expect([answer.status, answer.text]).toEqual([204, '']);
      expect(answer.headers.get('signet-revision')).toBe('2');
      expect(receiptOf(answer)).toMatch(new RegExp(`^/signet/v1/endpoints/${endpoint.id}/receipts/2[?]epoch=[0-9a-f]{32}$`));
      expect(await complete(receiptOf(answer))).toEqual({
        endpoint_id: endpoint.id,
        revision: 2,
        complete: true,
        created_at: expect.any(String),
        completed_at: expect.any(String),
        sessions: [expect.objectContaining({ node_id: 'delivery', state: 'acknowledged', lease_seconds: 125 })],
      });
    });

    it('has a receipt that is complete only when no attempt that read the key is in flight', async () => {
      const endpoint = await ground.endpoint();
      const { signing_secret } = await addKey(endpoint);
      const id = await underWay(endpoint);
      const receipt = receiptOf(await deleteKey(endpoint, { prefer: 'wait=1' }));
      expect(await shown(receipt)).toMatchObject({ complete: false, sessions: [{ state: 'pending' }] });
      answer(503);
      await complete(receipt);
      await ground.clock.settled();
      expect(await ground.message(id)).toMatchObject({ attempt_count: 1 });
      await ground.clock.advance(3_600_000);
      const last = ground.receiver.at(endpoint.path).at(-1)!;
      expect([isSignedWith(last, signing_secret), isSignedWith(last, endpoint.signing_secret)]).toEqual([true, false]);
    });

    it('has a receipt that does not wait for an attempt at another endpoint', async () => {
      const [slow, endpoint] = [await ground.endpoint(), await ground.endpoint()];
      await underWay(slow);
      await addKey(endpoint);
      await complete(receiptOf(await deleteKey(endpoint)));
      expect(owed).toHaveLength(1);
    });

    it('has a receipt that waits for a running test of the key', async () => {
      const endpoint = await ground.endpoint();
      await addKey(endpoint);
      silent.add(endpoint.path);
      const test = ground.admin.post(`/signet/v1/endpoints/${endpoint.id}/signing-keys/${endpoint.signing_key_id}/test`);
      while (owed.length === 0) await new Promise(setImmediate);
      const receipt = receiptOf(await deleteKey(endpoint, { prefer: 'wait=1' }));
      expect(await shown(receipt)).toMatchObject({ complete: false });
      answer(200);
      expect((await test).body).toMatchObject({ delivered: true });
      await complete(receipt);
    });

    it('answers within the wait that the caller prefers, as soon as the receipt is complete', async () => {
      const endpoint = await ground.endpoint();
      await addKey(endpoint);
      const answer = await deleteKey(endpoint, { prefer: 'wait=20' });
      expect(answer.headers.get('preference-applied')).toBe('wait=20');
      expect(await shown(receiptOf(answer))).toMatchObject({ complete: true });
    });

    it('leaves no attempt, of hundreds around deletions, that begins after the receipt is complete and is signed with the key', async () => {
      let stop = false;
      const rounds = 6;
      let probes = 0;
      for (let round = 0; round < rounds; round++) {
        const endpoint = await ground.endpoint();
        await addKey(endpoint);
        stop = false;
        const senders = Array.from({ length: 6 }, async () => {
          while (!stop) await ground.accepted(endpoint.id);
        });
        while (ground.receiver.at(endpoint.path).length < 20) await new Promise(setImmediate);
        const receipt = receiptOf(await deleteKey(endpoint));
        await complete(receipt);
        const before = ground.receiver.at(endpoint.path).length;
        while (ground.receiver.at(endpoint.path).length < before + 20) await new Promise(setImmediate);
        stop = true;
        await Promise.all(senders);
        const deliveries = ground.receiver.at(endpoint.path);
        expect(deliveries.slice(0, 5).every((delivery) => isSignedWith(delivery, endpoint.signing_secret))).toBe(true);
        expect(deliveries.slice(before).filter((delivery) => isSignedWith(delivery, endpoint.signing_secret))).toEqual([]);
        probes += deliveries.length;
      }
      expect(probes).toBeGreaterThan(40 * rounds - 1);
    });
  });

  describe('a write that ends signatures of an endpoint in another way', () => {
    it.each<[string, number, (endpoint: NewEndpoint) => Promise<Answer>]>([
      ['a new key beside the old one', 201, (endpoint) => ground.client.post(keys(endpoint))],
      [
        'a new key by the signet API',
        201,
        ({ id }) => ground.admin.post(`/signet/v1/endpoints/${id}/signing-keys`, { overlap_seconds: 60 }),
      ],
      ['another URL', 200, ({ id }) => ground.client.patch(`/v1/endpoints/${id}`, { url: newUrl() })],
      ['other headers', 200, ({ id }) => ground.client.patch(`/v1/endpoints/${id}`, { headers: { 'X-A': 'b' } })],
      ['a pause', 200, ({ id }) => ground.client.post(`/v1/endpoints/${id}/pause`)],
      ['the deletion of the endpoint', 200, ({ id }) => ground.client.delete(`/v1/endpoints/${id}`)],
    ])('has a receipt that waits for attempts in flight: %s', async (_, status, write) => {
      const endpoint = await ground.endpoint();
      await underWay(endpoint);
      const written = await write(endpoint);
      expect(written.status).toBe(status);
      const receipt = receiptOf(written);
      expect(await shown(receipt)).toMatchObject({ complete: false });
      answer(200);
      await complete(receipt);
    });

    it('has a complete receipt only when every process knows the expiry of the key', async () => {
      const endpoint = await ground.endpoint();
      const { signing_secret } = await addKey(endpoint);
      const expires_at = new Date(ground.clock.now() + 3_600_000).toISOString();
      const at = `/signet${keys(endpoint, endpoint.signing_key_id)}`;
      await complete(receiptOf(await ground.admin.call('PATCH', at, { expires_at })));
      await ground.clock.advance(3_600_000);
      await ground.accepted(endpoint.id);
      await ground.clock.settled();
      const last = ground.receiver.at(endpoint.path).at(-1)!;
      expect([isSignedWith(last, signing_secret), isSignedWith(last, endpoint.signing_secret)]).toEqual([true, false]);
    });

    it('returns the receipt of the last change if it changes nothing itself', async () => {
      const { id } = await ground.endpoint();
      expect((await ground.client.patch(`/v1/endpoints/${id}`, { description: 'x' })).headers.get('signet-receipt')).toBeNull();
      const first = receiptOf(await ground.client.post(`/v1/endpoints/${id}/pause`));
      expect(receiptOf(await ground.client.post(`/v1/endpoints/${id}/pause`))).toBe(first);
    });
  });

  describe('GET /signet/v1/endpoints/{id}/receipts/{revision}', () => {
    it('answers 404 for a revision that ended nothing or does not exist yet, for another project, and for an unknown endpoint', async () => {
      const endpoint = await ground.endpoint();
      await ground.client.post(`/v1/endpoints/${endpoint.id}/pause`);
      const at = (revision: string, id = endpoint.id) => `/signet/v1/endpoints/${id}/receipts/${revision}`;
      expect((await ground.client.get(at('1'))).status).toBe(200);
      for (const revision of ['0', '2', '-1', '01', 'x', '9'.repeat(15)]) expect((await ground.client.get(at(revision))).status).toBe(404);
      const other = await WebhookClient.of(await ground.service.client());
      const [theirs, none] = [await other.get(at('1')), await other.get(at('1', `ep_${'0'.repeat(32)}`))];
      expect([theirs.status, theirs.body.title]).toEqual([404, none.body.title]);
    });

    it('answers 200 for a deleted endpoint', async () => {
      const { id } = await ground.endpoint();
      const receipt = receiptOf(await ground.client.delete(`/v1/endpoints/${id}`));
      expect(await complete(receipt)).toMatchObject({ endpoint_id: id });
    });
  });

  describe('processes that deliver', () => {
    const session = async (sessionId: string) =>
      (await database.rows<{ ending: string | null }>('SELECT ending FROM signing_sessions WHERE session_id = ?', [sessionId]))[0]!;
    const ended = async () => {
      const endpoint = await ground.endpoint();
      return receiptOf(await ground.client.post(`/v1/endpoints/${endpoint.id}/pause`));
    };

    it('each have a session, and end it when they stop', async () => {
      const second = await TestService.start(ground.database, ENV);
      let receipt = await ended();
      while ((await shown(receipt)).sessions.length < 2) receipt = await ended();
      expect((await complete(receipt)).sessions).toMatchObject([{ state: 'acknowledged' }, { state: 'acknowledged' }]);
      await second.stop();
      expect((await shown(receipt)).sessions.map(({ ended_at }: { ended_at: string | null }) => ended_at === null).sort()).toEqual([
        false,
        true,
      ]);
      expect(await database.rows("SELECT 1 FROM signing_sessions WHERE scope_kind = 'deliveries' AND ending = 'left'")).toHaveLength(1);
      expect((await complete(await ended())).sessions).toMatchObject([{ state: 'acknowledged' }]);
    });

    it('delay a receipt after they are killed, until their lease is over', async () => {
      const dead = '0'.repeat(32);
      const lease = 15;
      await database.transaction((tx) =>
        tx.run(
          `INSERT INTO signing_sessions (session_id, scope_kind, scope_id, project_id, node_id, version, public_key, credential_id, epoch, asked,
             with_table, acknowledged, counter, lease_seconds, silence_ms, registered_at, last_seen)
           SELECT ?, ?, ?, '', 'delivery', '1', '', 'signet', epoch, 1, 0, 0, 1, ?, 0, 0, 0 FROM database_epoch`,
          [dead, DELIVERIES.kind, DELIVERIES.id, lease],
        ),
      );
      const receipt = await ended();
      expect(await shown(receipt)).toMatchObject({ complete: false });
      const clock = ground.service.app.get(Clock);
      const from = clock.monotonic();
      const runs = (times: number) => {
        const [now, began] = [clock.monotonic(), performance.now()];
        clock.monotonic = () => now + (performance.now() - began) * times;
      };
      runs(FASTER);
      await complete(receipt);
      expect(clock.monotonic() - from).toBeGreaterThan(lease * 1000 + 2000);
      expect(await session(dead)).toEqual({ ending: 'lease_over' });
      runs(1);
    });

    it('use no read that is older than their acknowledgement, such as one from a lagging replica', async () => {
      await complete(await ended());
      const session = ground.service.app.get(DeliverySession, { strict: false });
      const [{ acknowledged } = { acknowledged: 0 }] = await database.rows<{ acknowledged: number }>(
        "SELECT MAX(acknowledged) AS acknowledged FROM signing_sessions WHERE scope_kind = 'deliveries' AND ending IS NULL",
      );
      const { epoch } = ground.service.app.get(Pulse, { strict: false });
      const answers = [acknowledged - 1, acknowledged];
      const found = await session.hold('ep', () => Promise.resolve({ revision: answers.shift()!, epoch }));
      session.release(found!.held);
      expect([found!.read.revision, answers]).toEqual([acknowledged, []]);
      await expect(session.hold('ep', () => Promise.resolve({ revision: acknowledged - 1, epoch }))).rejects.toThrow();
      const another = { revision: acknowledged + 1, epoch: 'another' };
      await expect(session.hold('ep', () => Promise.resolve(another))).rejects.toThrow();
    });
  });
});
