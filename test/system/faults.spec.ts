import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Database } from '../../src/platform/database/database.js';
import { LoadClients } from '../support/load-clients.js';
import { createEmptyDatabase, createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { Fleet } from '../support/fleet.js';
import { largeRevision } from '../support/large-revision.js';
import { Machine, Watch } from '../support/machine.js';
import { hasMariadbServer, OwnMariadb } from '../support/own-mariadb.js';
import { TestService } from '../support/service.js';
import { stretched } from '../support/slowness.js';
import { until } from '../support/until.js';
import { Workload } from '../support/workload.js';

const NODES = 3;
const WATCHERS = 2000;
const SLOW_WATCHERS = 2;
const FAST_WATCHERS = 10;
const LARGE_REVISIONS = 30;
/** Shortest lease that there is. */
const LEASE_SECONDS = 10;

/**
 * Checks that no acknowledged write is lost, that every node has the newest state, and that no deleted key signs now or signed after its
 * receipt.
 */
async function expectInStep(fleet: Fleet, load: Workload, from: number): Promise<void> {
  await load.end();
  const { revision, applied } = await fleet.inStep();
  expect(applied).toEqual(fleet.nodes.map(() => revision));
  const bound = await fleet.bound();
  for (const node of fleet.nodes) expect(await fleet.signing(node)).toEqual(bound);

  const deleted = new Set(load.deleted.map(({ key }) => key));
  expect(bound.filter((key) => deleted.has(String(key)))).toEqual([]);
  const { body } = await fleet.admin.get(fleet.at('/signs?limit=500'));
  const there = new Map((body.signs as { id: string; sign_key: string }[]).map(({ id, sign_key }) => [id, sign_key]));
  expect([...load.kept].filter(([id, key]) => there.get(id) !== key)).toEqual([]);
  expect([...there.values()].filter((key) => deleted.has(key))).toEqual([]);

  // A new watcher receives every revision of the log.
  const watch = await Watch.open(fleet.served.baseUrl, fleet.instance, fleet.token, from);
  await watch.until(({ revisions }) => revisions.at(-1) === revision);
  watch.close();
  expect(watch.revisions).toEqual(Array.from({ length: revision - from }, (_, i) => from + 1 + i));

  // Receipts were completed during the run, and held at every node.
  expect(load.provedAt.size).toBeGreaterThan(0);
  expect(load.late).toEqual([]);
}

onBothDatabases((name) => {
  let test: TestDatabase;
  let fleet: Fleet;
  let from: number;
  let load: Workload;
  beforeAll(async () => {
    test = await createTestDatabase(name);
    fleet = await Fleet.start(test, NODES);
    load = new Workload(fleet);
    from = (await fleet.inStep()).revision;
  });
  afterEach(async () => {
    await load.end();
    for (const { network } of fleet.nodes) network.heal();
  });
  afterAll(async () => {
    await fleet.stop();
    await test.drop();
  });
  const begin = async () => {
    load.begin();
    await load.written(15);
  };

  describe('all nodes have the newest state, nothing is lost and no deleted key signs after', () => {
    it('the control plane was killed and restarted twice under load', async () => {
      await begin();
      for (let round = 0; round < 2; round++) {
        await fleet.served.stop('SIGKILL');
        await fleet.serve();
        await load.written(5);
      }
      await expectInStep(fleet, load, from);
    });

    it('a gateway node was killed and restarted under load', async () => {
      await begin();
      const node = fleet.nodes[0]!;
      await node.process.stop('SIGKILL');
      await load.written(5);
      node.process = await fleet.gateway(node.name, node.network);
      await load.written(5);
      await expectInStep(fleet, load, from);
    });

    it('a node without a lease was cut off under load, which continues to sign with its keys and keeps receipts open', async () => {
      await begin();
      const node = fleet.nodes[0]!;
      node.network.cut();
      // By then, bytes in transit to the node have arrived.
      await load.written(3);
      const held = new Set(await fleet.signing(node));
      const deletion = () => load.deleted.find(({ key }) => held.has(key));
      await until(() => deletion() !== undefined);
      const { body: receipt } = await fleet.admin.get(deletion()!.receipt);
      expect(receipt).toMatchObject({ complete: false });
      expect(['pending', 'silent']).toContain(receipt.sessions.find(({ node_id }: { node_id: string }) => node_id === 'node-0').state);
      const { key } = deletion()!;
      expect(await fleet.signing(node)).toContain(key);
      expect(await fleet.signing(fleet.nodes[1]!)).not.toContain(key);
      node.network.heal();
      await expectInStep(fleet, load, from);
      expect((await fleet.admin.get(deletion()!.receipt)).body.complete).toBe(true);
    });

    it('a node with a lease was cut off under load, which stops signing, so that receipts are complete without it', async () => {
      // Keys that the node still signs with are deleted within it, while the machine runs much else.
      const leaseSeconds = Math.ceil(stretched(LEASE_SECONDS * 1000) / 1000);
      const settings = (lease_seconds: number | null) => fleet.admin.put(fleet.atSignet('/settings'), { lease_seconds });
      await begin();
      expect((await settings(leaseSeconds)).status).toBe(200);
      // A lease begins with the report that shows that the node applies it.
      await until(async () =>
        ((await fleet.admin.get(fleet.atSignet('/sessions'))).body.sessions as { lease_seconds: number | null }[]).every(
          ({ lease_seconds }) => lease_seconds === leaseSeconds,
        ),
      );
      const node = fleet.nodes[0]!;
      node.network.cut();
      // By then, bytes in transit to the node have arrived.
      await load.written(3);
      const held = new Set(await fleet.signing(node));
      const deletion = () => load.deleted.find(({ key }) => held.has(key));
      await until(() => deletion() !== undefined);
      expect((await fleet.admin.get(deletion()!.receipt)).body.complete).toBe(false);
      const cutAt = performance.now();
      await until(() => load.provedAt.has(deletion()!.key));
      // The lease, its margin, and the time that a loaded machine needs to detect its end.
      expect(performance.now() - cutAt).toBeLessThan((leaseSeconds + 2) * 1000 + stretched(5000));
      expect((await fleet.admin.get(deletion()!.receipt)).body.sessions).toContainEqual(
        expect.objectContaining({ node_id: 'node-0', state: 'lease_over' }),
      );
      expect(await fleet.signing(node)).toEqual(fleet.apis.map(() => 503));
      node.network.heal();
      await until(async () => !(await fleet.signing(node)).includes(503));
      expect((await settings(null)).status).toBe(200);
      await expectInStep(fleet, load, from);
    });
  });

  it('slow watchers delay nobody, and receive every change at their own pace', async () => {
    const service = await TestService.start(test);
    const client = await service.client();
    const instance = await client.gateway();
    const machine = await Machine.of(client, instance);
    const first = (await machine.get('/snapshot')).body.revision as number;
    const last = first + LARGE_REVISIONS;
    const loadClients = new LoadClients(instance, machine.token, SLOW_WATCHERS + FAST_WATCHERS, first);
    const port = Number(new URL(service.baseUrl).port);
    try {
      await loadClients.open(port);
      const [slow, fast] = [loadClients.clients.slice(0, SLOW_WATCHERS), loadClients.clients.slice(SLOW_WATCHERS)];
      for (const client of slow) client.slow(64 * 1024, 100);
      // More bytes than the buffers of the watcher and of the kernel hold together.
      for (let revision = first + 1; revision <= last; revision++)
        await service.app.get(Database).transaction((tx) => largeRevision(tx, instance, revision));
      await until(() => fast.every(({ revision }) => revision === last));
      expect(slow.filter(({ revision }) => revision === last)).toEqual([]);
      for (const client of slow) client.hurry();
      await until(async () => {
        // A watcher was disconnected, as happens on a machine that is too busy to read.
        await loadClients.open(port);
        return slow.every(({ revision }) => revision === last);
      });
      expect(loadClients.clients.filter(({ broken }) => broken)).toEqual([]);
    } finally {
      loadClients.close();
      await service.stop();
    }
  });

  it(`${WATCHERS} watchers of one process receive every change, also after the process was killed`, async () => {
    const port = Number(fleet.env['SIGNET_PORT']);
    const loadClients = new LoadClients(fleet.instance, fleet.token, WATCHERS, (await fleet.inStep()).revision);
    await loadClients.open(port);
    const told = (least: number) =>
      until(async () => {
        await loadClients.open(port);
        return loadClients.clients.every(({ revision }) => revision >= least);
      });
    try {
      await begin();
      await told((await fleet.inStep()).revision);
      await fleet.served.stop('SIGKILL');
      await fleet.serve();
      await load.written(5);
      await expectInStep(fleet, load, from);
      await told((await fleet.inStep()).revision);
      expect(loadClients.clients.filter(({ broken }) => broken)).toEqual([]);
    } finally {
      loadClients.close();
    }
  });
});

const here = hasMariadbServer || process.env['CI'] === 'true';
(here ? it : it.skip)(
  'all nodes have the newest state, nothing is lost and no deleted key signs after the database was killed',
  async () => {
    const mariadb = await OwnMariadb.start();
    const test = await createEmptyDatabase('sqlite');
    const fleet = await Fleet.start({ env: { ...test.env, DATABASE_URL: mariadb.url } }, NODES);
    const load = new Workload(fleet);
    try {
      const from = (await fleet.inStep()).revision;
      load.begin();
      await load.written(15);
      await mariadb.kill();
      await mariadb.run();
      await load.written(10);
      await expectInStep(fleet, load, from);
    } finally {
      await load.end();
      await fleet.stop();
      await mariadb.stop();
      await test.drop();
    }
  },
);
