import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Clock } from '../../src/platform/common/clock.js';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { Machine } from '../support/machine.js';
import { type Client, TestService } from '../support/service.js';

const SESSIONS_MAX = 50;

/**
 * The factor by which test clocks run faster. The pulse must be less than a second old on these clocks, so a larger factor would fail on a
 * slow machine.
 */
const FASTER = 5;

onBothDatabases((name) => {
  let database: TestDatabase;
  /** Two processes of one control plane. */
  let service: TestService;
  let other: TestService;
  let client: Client;
  let gateway: string;
  let count = 0;
  const own = (path: string) => `/signet/v1/instances/${gateway}${path}`;
  const receipt = async (revision: number) => (await client.get(own(`/receipts/${revision}`))).body;
  const revision = async () => {
    const answer = await client.post(`/v2/{project}/apigw/instances/${gateway}/signs`, { name: `key_${(count += 1)}` });
    const bound = await client.put(`/v2/{project}/apigw/instances/${gateway}/signs/${answer.body.id}`, { name: `key_${(count += 1)}` });
    return Number(bound.headers.get('signet-revision'));
  };
  /** Milliseconds by which the wall clocks of both processes are ahead. */
  const later = (seconds: number) => {
    for (const one of [service, other]) one.app.get(Clock).now = () => new Date().getTime() + seconds * 1000;
  };
  /** The factor by which their monotonic clocks run faster; only these clocks end leases. */
  const faster = (times: number) => {
    for (const one of [service, other]) {
      const clock = one.app.get(Clock);
      const [now, began] = [clock.monotonic(), performance.now()];
      clock.monotonic = () => now + (performance.now() - began) * times;
    }
  };
  const inSeconds = (seconds: number) => new Date(new Date().getTime() + seconds * 1000).toISOString();
  /** A credential, and the machine that uses it. */
  const made = async (input: object = {}): Promise<Machine> => {
    const machine = await Machine.of(client, gateway);
    const { status, body } = await client.post(own('/gateway-tokens'), input);
    expect(status).toBe(201);
    return machine.with(body.token as string, body.id as string);
  };
  const listed = async (id: string) =>
    ((await client.get(own('/gateway-tokens'))).body.gateway_tokens as { id: string }[]).find((each) => each.id === id);
  const renew = (machine: Machine, input: object = {}) => client.post(own(`/gateway-tokens/${machine.tokenId}/renew`), input);

  beforeAll(async () => {
    database = await createTestDatabase(name);
    const env = { SIGNET_LIMITS: `instances=1000,sessions=${SESSIONS_MAX}` };
    service = await TestService.start(database, env);
    other = await TestService.start(database, env);
    client = await service.client();
  });
  beforeEach(async () => {
    gateway = await client.gateway();
  });
  afterEach(() => {
    later(0);
    faster(1);
  });
  afterAll(async () => {
    await other.stop();
    await service.stop();
    await database.drop();
  });

  describe('a credential with an expiry', () => {
    it('is refused after its expiry in every process, its open stream ends, and it is listed as expired', async () => {
      const machine = await made({ expires_at: inSeconds(600) });
      const elsewhere = machine.at(other.baseUrl);
      const watches = [await machine.watch(), await elsewhere.watch()];
      expect([(await machine.get('/snapshot')).status, (await elsewhere.get('/snapshot')).status]).toEqual([200, 200]);
      expect(await listed(machine.tokenId)).toMatchObject({ expired: false, expires_at: expect.any(String) });
      later(601);
      for (const one of [machine, elsewhere]) expect((await one.get('/snapshot')).status).toBe(401);
      for (const watch of watches) await watch.until(({ ended }) => ended);
      expect(await listed(machine.tokenId)).toMatchObject({ expired: true });
    });

    it('acknowledges nothing after its expiry, and stays in the receipt with its session until the lease ends', async () => {
      await client.put(own('/settings'), { lease_seconds: 20 });
      const machine = await made({ expires_at: inSeconds(600) });
      expect((await machine.report('n', 1)).status).toBe(200);
      const written = await revision();
      later(601);
      for (const one of [machine, machine.at(other.baseUrl)]) expect((await one.report('n', written)).status).toBe(401);
      expect(await receipt(written)).toMatchObject({ complete: false, sessions: [{ node_id: 'n', state: 'pending' }] });
      faster(FASTER);
      let found = await receipt(written);
      while (found.complete !== true) found = await receipt(written);
      expect(found.sessions).toMatchObject([{ node_id: 'n', state: 'lease_over' }]);
    });

    it.each([
      ['an expiry in the past', { expires_at: '2020-01-01T00:00:00Z' }],
      ['a malformed expiry', { expires_at: 'tomorrow' }],
      ['a certificate, where no client presents one', { client_certificate_sha256: 'a'.repeat(64) }],
      ['a malformed certificate hash', { client_certificate_sha256: 'abc' }],
    ])('is refused with 400: %s', async (_, input) => {
      expect((await client.post(own('/gateway-tokens'), input)).status).toBe(400);
    });
  });

  describe('POST …/gateway-tokens/{id}/renew', () => {
    it('keeps both credentials valid during the overlap, and moves a session to the new one with its next report', async () => {
      const machine = await made({ name: 'edge', expires_at: inSeconds(3600) });
      expect((await machine.report('n', 1)).status).toBe(200);
      const { status, body } = await renew(machine, { overlap_seconds: 600 });
      expect([status, body.name, body.role, body.renewal_of]).toEqual([201, 'edge', 'gateway', machine.tokenId]);
      // The new credential lives as long as the old one was created for.
      expect(Math.abs(Date.parse(body.expires_at) - new Date().getTime() - 3600_000)).toBeLessThan(60_000);
      const renewed = machine.with(body.token, body.id);
      expect([(await machine.report('n', 1)).status, (await renewed.report('n', 1)).status]).toEqual([200, 200]);
      expect([await listed(machine.tokenId), await listed(body.id)]).toMatchObject([
        { sessions: 0, sessions_max: SESSIONS_MAX },
        { sessions: 1, sessions_max: SESSIONS_MAX },
      ]);
      later(601);
      for (const base of [service.baseUrl, other.baseUrl])
        expect([(await machine.at(base).report('n', 1)).status, (await renewed.at(base).report('n', 1)).status]).toEqual([401, 200]);
      const { events } = (await client.get(`/signet/v1/audit?resource_id=${machine.tokenId}`)).body;
      expect(events[0]).toMatchObject({ action: 'RenewGatewayToken', detail: { renewed_by: body.id, ends_at: expect.any(String) } });
      expect((await renew(machine)).status).toBe(409);
      const again = await renew(renewed, { overlap_seconds: 0 });
      expect([again.status, again.body.renewal_of]).toEqual([201, machine.tokenId]);
    });

    it('without an overlap ends the streams of the old credential at once, which then acknowledges nothing in any process', async () => {
      const machine = await made();
      const elsewhere = machine.at(other.baseUrl);
      expect((await elsewhere.report('n', 1)).status).toBe(200);
      const watch = await elsewhere.watch();
      await watch.until(({ events }) => events.length > 0);
      expect((await renew(machine, { overlap_seconds: 0 })).body.expires_at).toBeNull();
      expect((await elsewhere.report('n', 1)).status).toBe(401);
      await watch.until(({ ended }) => ended);
    });

    it('lets a verifier keep its identity with the new credential, also after the old one has ended', async () => {
      const verifier = await Machine.of(client, gateway, 'verifier');
      const { headers } = await verifier.get('/verification-keys', { 'signet-verifier': 'orders/process-1' });
      const { body } = await renew(verifier);
      await client.delete(own(`/gateway-tokens/${verifier.tokenId}`));
      const renewed = verifier.with(body.token, body.id);
      await revision();
      const next = await renewed.get('/verification-keys', {
        'signet-verifier': 'orders/process-1',
        'if-none-match': headers.get('etag')!,
      });
      await renewed.get('/verification-keys', { 'signet-verifier': 'orders/process-1', 'if-none-match': next.headers.get('etag')! });
      const { verifiers } = (await client.get(own('/verifiers'))).body;
      expect(verifiers).toMatchObject([{ name: 'orders', token_id: verifier.tokenId, ending: null }]);
    });

    it('answers 404 for a credential of another gateway, and for a revoked one', async () => {
      const machine = await made();
      const theirs = await client.post(`/signet/v1/instances/${await client.gateway()}/gateway-tokens/${machine.tokenId}/renew`, {});
      expect(theirs.status).toBe(404);
      await client.delete(own(`/gateway-tokens/${machine.tokenId}`));
      expect((await renew(machine)).status).toBe(404);
    });

    it.each([[{ overlap_seconds: -1 }], [{ overlap_seconds: 'long' }], [{ expires_at: '2020-01-01T00:00:00Z' }]])(
      'answers 400 for %j',
      async (input) => {
        expect((await renew(await made(), input)).status).toBe(400);
      },
    );
  });
});
