import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { ChangeFeed } from '../../src/platform/changes/change-feed.js';
import { RedisChangeNotifier } from '../../src/platform/changes/redis-change-notifier.js';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { Machine, type Watch } from '../support/machine.js';
import { type Client, TestService } from '../support/service.js';
import { TestSession } from '../support/session.js';
import { stretched } from '../support/slowness.js';

const REDIS_URL = process.env['TEST_REDIS_URL'] ?? 'redis://127.0.0.1:6379';
const redis = new Redis(REDIS_URL, { lazyConnect: true, retryStrategy: () => null, maxRetriesPerRequest: 0 }).on('error', () => undefined);
const redisReachable = await redis.connect().then(
  () => true,
  () => false,
);
redis.disconnect();
if (!redisReachable && process.env['TEST_REDIS_URL']) throw new Error(`no Redis at ${REDIS_URL}`);

const allFrom = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, i) => first + i);

/** Two services on one database, like two processes. */
onBothDatabases((name) => {
  describe.each(redisReachable ? (['by polling', 'through Redis'] as const) : (['by polling'] as const))('%s', (how) => {
    let test: TestDatabase;
    let services: TestService[];
    let clients: Client[];
    let gateway: string;
    let machines: Machine[];
    const env: Record<string, string> = { SIGNET_LIMITS: 'signs=100000', ...(how === 'through Redis' && { REDIS_URL }) };
    const at = (path: string) => `/v2/{project}/apigw/instances/${gateway}${path}`;
    const receipt = async (revision: number) => (await clients[0]!.get(`/signet/v1/instances/${gateway}/receipts/${revision}`)).body;

    beforeAll(async () => {
      test = await createTestDatabase(name);
      services = [await TestService.start(test, env), await TestService.start(test, env)];
      clients = await Promise.all(services.map((service) => service.client({ project: 'shared' })));
      gateway = await clients[0]!.gateway();
      const machine = await Machine.of(clients[0]!, gateway);
      machines = services.map(({ baseUrl }) => machine.at(baseUrl));
    });
    afterAll(async () => {
      await Promise.all(services.map((service) => service.stop()));
      await test.drop();
    });

    it('a change through one service reaches a watcher of another service within 200 ms', async () => {
      const watch = await machines[1]!.watch();
      await watch.until(({ events }) => events.length > 0);
      const took: number[] = [];
      // The slowest samples of a busy machine do not measure the service: it has more tries then.
      const within = (ms: number) => took.filter((each) => each < ms).length;
      for (let i = 0; i < 20 || (i < 100 && within(200) < 16); i++) {
        const before = performance.now();
        const { id } = (await clients[0]!.post(at('/signs'), { name: `key_${i}` })).body;
        const written = performance.now();
        await watch.until(({ told }) => told.at(-1)?.data.changes?.[0]?.id === id);
        took.push(performance.now() - written);
        expect(performance.now() - before).toBeLessThan(stretched(2000));
      }
      expect(within(200)).toBeGreaterThanOrEqual(16);
      watch.close();
    });

    it('notices from another service arrive only with Redis', async () => {
      const heard: boolean[] = [];
      const stop = services[1]!.app.get(ChangeFeed).subscribe(({ scope, local }) => scope.id === gateway && void heard.push(local));
      expect(services[1]!.app.get(RedisChangeNotifier).connected).toBe(how === 'through Redis');
      const watch = await machines[1]!.watch();
      await clients[0]!.post(at('/signs'), { name: 'noticed' });
      await watch.until(({ revisions }) => revisions.length === 1);
      stop();
      watch.close();
      expect(heard).toEqual(how === 'through Redis' ? [false] : []);
    });

    it('no change is lost, duplicated or out of order under 20 writers, while watchers reconnect repeatedly', async () => {
      const from = (await machines[0]!.get('/snapshot?sign_ids=')).body.revision as number;
      let writing = true;
      const follow = async (machine: Machine, everyMs: number): Promise<number[]> => {
        const seen: number[] = [];
        let last = from;
        let watch: Watch;
        for (let done = false; !done; ) {
          watch = await machine.watch(last);
          const until = performance.now() + everyMs;
          // The total number of writes: 20 × (4 creates + 2 deletes).
          await watch.until(({ revisions }) => performance.now() > until || (revisions.at(-1) ?? last) === from + 120, 20_000);
          watch.close();
          seen.push(...watch.revisions);
          last = seen.at(-1) ?? from;
          done = !writing && last === from + 120;
        }
        return seen;
      };
      const followers = [follow(machines[0]!, 5), follow(machines[1]!, 5), follow(machines[0]!, 40), follow(machines[1]!, 40)];
      const writers = Array.from({ length: 20 }, async (_, w) => {
        for (let i = 0; i < 4; i++) {
          const client = clients[w % 2]!;
          const { status, body } = await client.post(at('/signs'), { name: `w_${w}_${i}` });
          expect(status).toBe(201);
          if (i % 2 === 0) expect((await client.delete(at(`/signs/${body.id}`))).status).toBe(204);
        }
      });
      await Promise.all(writers);
      writing = false;
      for (const seen of await Promise.all(followers)) expect(seen).toEqual(allFrom(from + 1, from + 120));
    });

    it('a snapshot shows exactly one revision while bindings change', async () => {
      const { publishIds } = await clients[0]!.publishedApi(gateway);
      const { id } = (await clients[0]!.post(at('/signs'), { name: 'flip' })).body;
      const bindings = new Map<number, boolean>();
      const snapshots: { revision: number; bound: boolean }[] = [];
      const judged = () => snapshots.filter(({ revision }) => bindings.has(revision));
      let flipping = true;
      const flips = (async () => {
        for (let i = 0; i < 40 || (judged().length <= 20 && i < 1000); i++) {
          const bound = await clients[0]!.post(at('/sign-bindings'), { sign_id: id, publish_ids: publishIds });
          bindings.set(Number(bound.headers.get('signet-revision')), true);
          const unbound = await clients[0]!.delete(at(`/sign-bindings/${bound.body.bindings[0].id}`));
          bindings.set(Number(unbound.headers.get('signet-revision')), false);
        }
        flipping = false;
      })();
      while (flipping) {
        const { body } = await machines[1]!.get(`/snapshot?publish_ids=${publishIds[0]}`);
        snapshots.push({ revision: body.revision, bound: body.publications[0].sign !== null });
      }
      await flips;
      expect(judged().length).toBeGreaterThan(20);
      expect(judged().filter(({ revision, bound }) => bindings.get(revision) !== bound)).toEqual([]);
    });

    it('an acknowledgement through one service ends the wait at another', async () => {
      const now = (await machines[1]!.report('node', 0)).body.revision as number;
      await machines[1]!.report('node', now);
      const { id } = (await clients[0]!.post(at('/signs'), { name: 'proved' })).body;
      const watch = await machines[1]!.watch(now);
      const answer = clients[0]!.call('DELETE', at(`/signs/${id}`), undefined, { prefer: 'wait=20' });
      await watch.until(({ revisions }) => revisions.at(-1) === now + 2);
      expect(await receipt(now + 2)).toMatchObject({ complete: false });
      await machines[1]!.report('node', now + 2);
      expect((await answer).status).toBe(204);
      expect(await receipt(now + 2)).toMatchObject({ complete: true });
      watch.close();
    });

    it('a credential that one service revokes ends at another, together with its streams', async () => {
      const own = await Machine.of(clients[0]!, gateway);
      const there = own.at(services[1]!.baseUrl);
      const watch = await there.watch();
      await watch.until(({ events }) => events.length > 0);
      await clients[0]!.delete(`/signet/v1/instances/${gateway}/gateway-tokens/${own.tokenId}`);
      await watch.until(({ ended }) => ended, 5000);
      expect((await there.get('/snapshot')).status).toBe(401);
    });

    it('a revoked credential opens no stream at a service that still has it in its cache', async () => {
      const own = await Machine.of(clients[0]!, gateway);
      const there = own.at(services[1]!.baseUrl);
      // From now on that service has the credential in its cache for some seconds, and has no open watch of this gateway.
      expect((await there.get('/snapshot')).status).toBe(200);
      await clients[0]!.delete(`/signet/v1/instances/${gateway}/gateway-tokens/${own.tokenId}`);
      await expect(there.watch()).rejects.toThrow(/^watch: 401/);
      expect((await there.get('/snapshot')).status).toBe(401);
    });

    it('a revoked credential gets no keys at a service that still has it in its cache, not even for an existing session', async () => {
      const own = await Machine.of(clients[0]!, gateway);
      const there = own.at(services[1]!.baseUrl);
      const session = new TestSession(gateway, 'served-before');
      expect((await there.register(session)).status).toBe(200);
      for (let i = 0; i < 2; i++) expect((await there.ask(session, '')).status).toBe(200);
      await clients[0]!.delete(`/signet/v1/instances/${gateway}/gateway-tokens/${own.tokenId}`);
      expect((await there.ask(session, '')).status).toBe(401);
    });

    it('hundreds of watchers of one gateway get every change', async () => {
      const watches = await Promise.all(Array.from({ length: 300 }, (_, i) => machines[i % 2]!.watch()));
      await Promise.all(watches.map((watch) => watch.until(({ events }) => events.length > 0)));
      const revisions: number[] = [];
      for (let i = 0; i < 10; i++) {
        const { headers } = await clients[i % 2]!.put(at(`/signs/${(await clients[0]!.get(at('/signs?limit=1'))).body.signs[0].id}`), {
          name: `renamed_${i}`,
        });
        revisions.push(Number(headers.get('signet-revision')));
      }
      await Promise.all(watches.map((watch) => watch.until(({ revisions: seen }) => seen.at(-1) === revisions.at(-1))));
      for (const watch of watches) {
        expect(watch.revisions).toEqual(revisions);
        watch.close();
      }
    });
  });
});
