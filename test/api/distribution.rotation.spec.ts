import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Clock } from '../../src/platform/common/clock.js';
import { RotationScheduler } from '../../src/distribution/rotation/rotation-scheduler.js';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { Machine } from '../support/machine.js';
import { type Client, TestService } from '../support/service.js';

interface Version {
  version: number;
  state: string;
  sign_key: string;
  sign_secret: string;
}

onBothDatabases((name) => {
  let database: TestDatabase;
  let service: TestService;
  let client: Client;
  let gateway: string;
  let verifier: Machine;
  let node: Machine;
  let signId: string;
  let old: { sign_key: string; sign_secret: string };
  let count = 0;
  const at = (path: string) => `/v2/{project}/apigw/instances/${gateway}${path}`;
  const rotation = (path = '') => `/signet/v1/instances/${gateway}/signs/${signId}/rotation${path}`;
  /** Reads the receipt of the promotion, which completes it if possible. */
  const looked = async () => {
    const { retirement } = (await client.get(rotation())).body;
    return retirement ? (await client.get(retirement.receipt)).body : undefined;
  };
  const later = async (seconds: number) => {
    if (seconds > 0) await looked();
    const clock = service.app.get(Clock);
    clock.now = () => new Date().getTime() + seconds * 1000;
    if (seconds > 0) await service.app.get(RotationScheduler, { strict: false }).tick();
  };
  const keys = async (headers = {}) => verifier.get('/verification-keys', headers);
  const versions = async (): Promise<Version[]> =>
    (await keys()).body.keys.find(({ sign_id }: { sign_id: string }) => sign_id === signId).versions;
  const signing = async () => (await client.get(at(`/signs?id=${signId}`))).body.signs[0].sign_secret as string;
  /** A bound key in a separate gateway. */
  const fresh = async (fields: Record<string, unknown> = {}) => {
    gateway = await client.gateway();
    [verifier, node] = [await Machine.of(client, gateway, 'verifier'), await Machine.of(client, gateway)];
    if (fields['sign_type'] === 'public_key')
      await client.post(at('/features'), { name: 'public_key', enable: true, config: '{"enable":"on"}' });
    const { body } = await client.post(at('/signs'), { name: `key_${(count += 1)}`, ...fields });
    signId = body.id;
    old = body;
    const { publishIds } = await client.publishedApi(gateway);
    await client.post(at('/sign-bindings'), { sign_id: signId, publish_ids: publishIds });
  };
  const actions = async () =>
    (await client.get(`/signet/v1/audit?resource_id=${signId}`)).body.events.map(({ action }: { action: string }) => action).reverse();

  beforeAll(async () => {
    database = await createTestDatabase(name);
    service = await TestService.start(database, { SIGNET_LIMITS: 'instances=1000' });
    client = await service.client();
  });
  afterEach(() => later(0));
  afterAll(async () => {
    await service.stop();
    await database.drop();
  });

  describe('a rotation', () => {
    it('is staged, promoted and retired, and exactly one secret signs at any time', async () => {
      await fresh();
      const staged = await client.post(rotation(), { overlap_seconds: 60 });
      expect(staged.status).toBe(201);
      const fresher = staged.body.sign_secret as string;
      expect(staged.body).toMatchObject({ state: 'staged', signing_version: 1, other_version: 2, sign_key: old.sign_key });
      expect(await signing()).toBe(old.sign_secret);
      expect(await versions()).toEqual([
        { version: 1, state: 'signing', sign_key: old.sign_key, sign_secret: old.sign_secret },
        { version: 2, state: 'staged', sign_key: old.sign_key, sign_secret: fresher },
      ]);
      const watch = await node.watch();
      const promoted = await client.post(rotation('/promote'), {});
      expect([promoted.status, promoted.body.state]).toEqual([200, 'overlap']);
      expect(promoted.headers.get('signet-receipt')).toContain('/receipts/');
      await watch.until(({ events }) =>
        events.some(({ data }) => data.changes?.some(({ kind, op }) => kind === 'sign' && op === 'updated')),
      );
      watch.close();
      expect(await signing()).toBe(fresher);
      expect((await node.get('/snapshot')).body.publications[0].sign).toMatchObject({ sign_secret: fresher, version: 2 });
      expect(await versions()).toMatchObject([
        { version: 2, state: 'signing', sign_secret: fresher },
        { version: 1, state: 'retiring', sign_secret: old.sign_secret },
      ]);
      await later(30);
      expect(await versions()).toHaveLength(2);
      await later(61);
      expect(await versions()).toMatchObject([{ version: 2, state: 'signing' }]);
      expect((await client.get(rotation())).status).toBe(404);
      expect(await actions()).toEqual([
        'CreateSignatureKey',
        'AssociateSignatureKey',
        'StageSignatureKeyRotation',
        'PromoteSignatureKeyRotation',
        'RetireSignatureKeySecret',
      ]);
    });

    it('is promoted automatically at the scheduled time', async () => {
      await fresh();
      const time = new Date(new Date().getTime() + 1000_000).toISOString();
      const { body } = await client.post(rotation(), { promotion: 'scheduled', promote_at: time, overlap_seconds: 60 });
      expect(Date.parse(body.promote_at)).toBe(Date.parse(time));
      // The clock goes on meanwhile.
      await later(500);
      expect(await signing()).toBe(old.sign_secret);
      await later(1000);
      expect(await signing()).toBe(body.sign_secret);
      expect((await client.get(rotation())).body).toMatchObject({ state: 'overlap', promote_at: null, retire_at: expect.any(String) });
    });

    it('that is promoted by a call with a later time waits for that time', async () => {
      await fresh();
      await client.post(rotation(), {});
      const { body } = await client.post(rotation('/promote'), { at: new Date(new Date().getTime() + 500_000).toISOString() });
      expect(body).toMatchObject({ state: 'staged', promotion: 'scheduled', promote_at: expect.any(String) });
      await later(250);
      expect(await signing()).toBe(old.sign_secret);
      await later(500);
      expect(await signing()).not.toBe(old.sign_secret);
    });

    it('that waits for verifiers is promoted only after each has confirmed the new secret', async () => {
      await fresh();
      const before = (await keys({ 'signet-verifier': 'a' })).headers.get('etag')!;
      await keys({ 'signet-verifier': 'b', 'if-none-match': before });
      await client.post(rotation(), { promotion: 'verified' });
      await later(1);
      expect(await signing()).toBe(old.sign_secret);
      const etag = (await keys({ 'signet-verifier': 'a', 'if-none-match': before })).headers.get('etag')!;
      await keys({ 'signet-verifier': 'a', 'if-none-match': etag });
      await keys({ 'signet-verifier': 'b', 'if-none-match': before });
      await later(2);
      // The secret was sent to b, which has not confirmed it.
      expect((await client.get(rotation())).body).toMatchObject({ state: 'staged' });
      const { verifiers } = (await client.get(rotation())).body;
      expect(Object.fromEntries(verifiers.map((v: { name: string; holds_both: boolean }) => [v.name, v.holds_both]))).toEqual({
        a: true,
        b: false,
      });
      await keys({ 'signet-verifier': 'b', 'if-none-match': etag });
      await later(3);
      expect((await client.get(rotation())).body).toMatchObject({ state: 'overlap' });
    });

    it('that waits for verifiers is not promoted without any verifier', async () => {
      await fresh();
      await client.post(rotation(), { promotion: 'verified' });
      await later(1);
      expect((await client.get(rotation())).body).toMatchObject({ state: 'staged', verifiers: [] });
    });

    it('can be cancelled before the promotion, after it and repeatedly', async () => {
      await fresh();
      const cancel = async () => (await client.delete(rotation())).status;
      await client.post(rotation(), {});
      expect([await cancel(), (await versions()).length, await cancel()]).toEqual([204, 1, 404]);
      const { body } = await client.post(rotation(), { overlap_seconds: 60 });
      await client.post(rotation('/promote'), {});
      expect([await cancel(), await signing()]).toEqual([204, old.sign_secret]);
      expect(await versions()).toMatchObject([
        { version: 3, state: 'signing', sign_secret: old.sign_secret },
        { version: 2, state: 'retiring', sign_secret: body.sign_secret },
      ]);
      expect((await client.get(rotation())).body.state).toBe('withdrawn');
      expect([await cancel(), (await versions()).length, await signing()]).toEqual([204, 1, old.sign_secret]);
      expect(await actions()).toEqual(expect.arrayContaining(['CancelSignatureKeyRotation', 'WithdrawSignatureKeyRotation']));
    });

    it.each([
      ['basic', {}],
      ['aes', { sign_algorithm: 'aes-256-cfb' }],
      ['public_key', {}],
    ])('of a key of the type %s creates a valid pair', async (sign_type, more) => {
      await fresh({ sign_type, ...more });
      const { status, body } = await client.post(rotation(), {});
      expect([status, body.sign_secret === old.sign_secret, body.sign_key === old.sign_key]).toEqual([201, false, sign_type === 'basic']);
      expect((await client.post(rotation('/promote'), {})).status).toBe(200);
      expect((await client.get(at(`/signs?id=${signId}`))).body.signs[0]).toMatchObject({
        sign_key: body.sign_key,
        sign_secret: body.sign_secret,
      });
    });

    it('ends when the key’s secret is modified, and continues when the key is only renamed', async () => {
      await fresh();
      await client.post(rotation(), {});
      await client.put(at(`/signs/${signId}`), { name: 'renamed' });
      expect((await client.get(rotation())).body).toMatchObject({ state: 'staged', signing_version: 1 });
      await client.put(at(`/signs/${signId}`), { name: 'renamed', sign_secret: 'another-secret-0123456789' });
      expect((await client.get(rotation())).status).toBe(404);
      expect(await versions()).toMatchObject([{ version: 3, state: 'signing', sign_secret: 'another-secret-0123456789' }]);
    });

    it('is deleted with its key', async () => {
      await fresh();
      await client.post(rotation(), {});
      await client.delete(at(`/signs/${signId}`));
      expect((await client.get(rotation())).body).toMatchObject({ status: 404, code: 'APIG.3017' });
      expect((await keys()).body.keys).toEqual([]);
    });

    it('takes each step exactly once, also if many processes try', async () => {
      await fresh();
      await client.post(rotation(), { overlap_seconds: 60 });
      await client.post(rotation('/promote'), {});
      await looked();
      const other = await TestService.start(database);
      for (const one of [service, other]) one.app.get(Clock).now = () => new Date().getTime() + 70_000;
      await Promise.all([service, other, service, other].map((one) => one.app.get(RotationScheduler, { strict: false }).tick()));
      await other.stop();
      expect((await actions()).filter((action: string) => action === 'RetireSignatureKeySecret')).toHaveLength(1);
      expect(await versions()).toHaveLength(1);
    });

    describe('is retired only after the promotion is acknowledged:', () => {
      /**
       * A rotation that was promoted long ago, with a node that has applied everything before the promotion. @returns the revision of the
       * promotion
       */
      const promoted = async (): Promise<number> => {
        await fresh();
        await client.post(rotation(), { overlap_seconds: 0 });
        await node.report('lags', 1);
        const { body } = await client.post(rotation('/promote'), {});
        expect(body.retirement).toMatchObject({ signers: 'behind', verifiers: 'none_known' });
        return body.retirement.promoted_revision as number;
      };
      const retirement = async () => (await client.get(rotation())).body.retirement;
      const tick = (one = service) => one.app.get(RotationScheduler, { strict: false }).tick();

      it('a slow node keeps its connection, the rotation names it, and its acknowledgement ends the wait in every process', async () => {
        const revision = await promoted();
        const other = await TestService.start(database);
        await later(3600);
        // Another process takes the steps only after the current one has been silent.
        other.app.get(Clock).now = () => new Date().getTime() + 3700_000;
        await tick(other);
        // The secret with which the node signs is still accepted.
        expect(await versions()).toMatchObject([
          { version: 2, state: 'signing' },
          { version: 1, state: 'retiring', sign_secret: old.sign_secret },
        ]);
        expect(await retirement()).toMatchObject({
          promoted_revision: revision,
          receipt: `/signet/v1/instances/${gateway}/receipts/${revision}`,
          signers: 'behind',
          total: 1,
          waits_for: [{ kind: 'session', name: 'lags', id: expect.any(String), last_seen_at: expect.any(String) }],
        });
        expect((await node.report('lags', revision)).status).toBe(200);
        expect(await looked()).toMatchObject({ complete: true });
        await tick(other);
        await other.stop();
        expect(await versions()).toMatchObject([{ version: 2, state: 'signing' }]);
        const { events } = (await client.get(`/signet/v1/audit?resource_id=${signId}`)).body;
        expect(events[0]).toMatchObject({ action: 'RetireSignatureKeySecret', detail: { version: 1, promoted_revision: revision } });
        expect(events[0].detail).not.toHaveProperty('forced');
      });

      it('a verifier delays it until it has confirmed the new secret or its credential is revoked', async () => {
        await fresh();
        await keys({ 'signet-verifier': 'behind/process-1' });
        const first = await Machine.of(client, gateway, 'verifier');
        await first.get('/verification-keys', { 'signet-verifier': 'other/process-2' });
        await client.post(rotation(), { overlap_seconds: 0 });
        await client.post(rotation('/promote'), {});
        await later(7200);
        expect(await retirement()).toMatchObject({
          signers: 'complete',
          verifiers: 'behind',
          waits_for: [
            { kind: 'verifier', name: 'behind' },
            { kind: 'verifier', name: 'other' },
          ],
        });
        await client.delete(`/signet/v1/instances/${gateway}/gateway-tokens/${first.tokenId}`);
        const etag = (await keys({ 'signet-verifier': 'behind/process-1' })).headers.get('etag')!;
        await tick();
        expect(await retirement()).toMatchObject({ verifiers: 'behind', total: 1 });
        await keys({ 'signet-verifier': 'behind/process-1', 'if-none-match': etag });
        // Another process may be the one that takes the steps.
        while ((await client.get(rotation())).status !== 404) await tick();
      });

      it('a call that comes too early is refused with the processes that delay it, and a forced one writes an audit row with its operator', async () => {
        const revision = await promoted();
        const refused = await client.post(rotation('/retire'), {});
        expect([refused.status, refused.body.detail]).toEqual([409, expect.stringMatching(/revision \d+.*session [0-9a-f]{32} \(lags\)/)]);
        expect(await versions()).toHaveLength(2);
        const forced = await client.post(rotation('/retire'), { force: true });
        expect([forced.status, forced.headers.get('signet-receipt')]).toEqual([204, expect.stringContaining('/receipts/')]);
        expect(await versions()).toHaveLength(1);
        const [event] = (await client.get(`/signet/v1/audit?resource_id=${signId}`)).body.events;
        expect(event).toMatchObject({
          action: 'RetireSignatureKeySecret',
          detail: { forced: true, promoted_revision: revision, behind: 1, not_waited_for: [expect.stringContaining('(lags)')] },
        });
        expect(event.user_name ?? event.actor?.user_name).not.toBe('signet');
      });

      it('a cancelled rotation drops the withdrawn secret', async () => {
        await promoted();
        await client.delete(rotation());
        const { state, retirement: waits } = (await client.get(rotation())).body;
        expect([state, waits.waits_for.length]).toEqual(['withdrawn', 1]);
        expect((await client.delete(rotation())).status).toBe(409);
        await node.report('lags', waits.promoted_revision);
        expect((await client.delete(rotation())).status).toBe(204);
        expect((await client.post(rotation('/retire'), {})).status).toBe(404);
      });

      it('a call that retires a staged rotation gets 409', async () => {
        await fresh();
        await client.post(rotation(), {});
        expect((await client.post(rotation('/retire'), { force: true })).status).toBe(409);
      });
    });

    it('is started and promoted once; a second request for either gets 409', async () => {
      await fresh();
      await client.post(rotation(), {});
      expect((await client.post(rotation(), {})).status).toBe(409);
      await client.post(rotation('/promote'), {});
      expect((await client.post(rotation('/promote'), {})).status).toBe(409);
    });

    it.each([
      ['a secret that breaks its rule', { sign_secret: 'short' }],
      ['an unknown kind of promotion', { promotion: 'never' }],
      ['a time without a schedule', { promotion: 'manual', promote_at: '2030-01-01T00:00:00Z' }],
      ['a schedule without a time', { promotion: 'scheduled' }],
      ['an invalid time', { promote_at: 'tomorrow' }],
      ['a negative overlap', { overlap_seconds: -1 }],
    ])('gets 400 for %s', async (_, input) => {
      await fresh();
      expect((await client.post(rotation(), input)).status).toBe(400);
    });

    it('gets 400 for the secret that already signs', async () => {
      await fresh();
      expect((await client.post(rotation(), { sign_secret: old.sign_secret })).status).toBe(400);
    });
  });

  describe('GET …/verification-keys', () => {
    it('answers 304 while nothing changes for verifiers, and 200 when something does', async () => {
      await fresh();
      const first = await keys();
      expect([first.status, first.headers.get('cache-control')]).toEqual([200, 'no-store']);
      const etag = first.headers.get('etag')!;
      await client.publishedApi(gateway);
      const again = await keys({ 'if-none-match': etag });
      expect([again.status, again.text]).toEqual([304, '']);
      await client.post(rotation(), {});
      expect((await keys({ 'if-none-match': etag })).status).toBe(200);
    });

    it('is allowed for verifiers only, not for gateways or users', async () => {
      await fresh();
      expect((await node.get('/verification-keys')).status).toBe(403);
      expect((await client.get(`/signet/v1/instances/${gateway}/verification-keys`)).status).toBe(401);
    });

    it('answers 400 for a malformed name', async () => {
      await fresh();
      expect((await keys({ 'signet-verifier': 'a b' })).status).toBe(400);
    });
  });
});
