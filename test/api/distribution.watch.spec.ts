import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Database } from '../../src/platform/database/database.js';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { largeRevision } from '../support/large-revision.js';
import { Machine } from '../support/machine.js';
import { type Client, TestService } from '../support/service.js';
import { stretched } from '../support/slowness.js';
import { until } from '../support/until.js';

onBothDatabases((name) => {
  let database: TestDatabase;
  let service: TestService;
  let client: Client;
  let gateway: string;
  let machine: Machine;
  let count = 0;
  const at = (path: string) => `/v2/{project}/apigw/instances/${gateway}${path}`;
  const write = async (): Promise<string> => (await client.post(at('/signs'), { name: `key_${(count += 1)}` })).body.id as string;
  const revision = async (): Promise<number> => (await machine.get('/snapshot?sign_ids=')).body.revision as number;

  beforeAll(async () => {
    database = await createTestDatabase(name);
    service = await TestService.start(database, { SIGNET_LIMITS: 'signs=100000' });
    client = await service.client();
    gateway = await client.gateway();
    machine = await Machine.of(client, gateway);
  });
  afterAll(async () => {
    await service.stop();
    await database.drop();
  });

  describe('GET …/watch', () => {
    it('begins with a heartbeat, and sends every later change', async () => {
      const now = await revision();
      const watch = await machine.watch();
      await watch.until(({ events }) => events.length > 0);
      expect(watch.events[0]).toEqual({ name: 'heartbeat', id: undefined, data: { revision: now } });
      const id = await write();
      await client.delete(at(`/signs/${id}`));
      await watch.until(({ revisions }) => revisions.length === 2);
      expect(watch.events.filter((event) => event.name === 'change')).toEqual([
        { name: 'change', id: String(now + 1), data: { revision: now + 1, changes: [{ kind: 'sign', id, op: 'created' }] } },
        { name: 'change', id: String(now + 2), data: { revision: now + 2, changes: [{ kind: 'sign', id, op: 'deleted' }] } },
      ]);
      watch.close();
    });

    it.each([
      ['Last-Event-ID', true],
      ['?from=', false],
    ])('continues from %s', async (_, header) => {
      const from = await revision();
      await write();
      await write();
      const watch = await machine.watch(from, header);
      await watch.until(({ revisions }) => revisions.length === 2);
      await write();
      await watch.until(({ revisions }) => revisions.length === 3);
      expect(watch.revisions).toEqual([from + 1, from + 2, from + 3]);
      watch.close();
    });

    it('sends a long log page by page while it grows', async () => {
      const from = await revision();
      await Promise.all(Array.from({ length: 450 }, () => write()));
      const watch = await machine.watch(1);
      const last = from + 450 + 20;
      for (let i = 0; i < 20; i++) await write();
      await watch.until(({ revisions }) => revisions.at(-1) === last);
      expect(watch.revisions).toEqual(Array.from({ length: last - 1 }, (_, i) => i + 2));
      watch.close();
    });

    it('sends resync and ends for a revision in the future', async () => {
      const now = await revision();
      const watch = await machine.watch(now + 5);
      await watch.until(({ ended }) => ended);
      expect(watch.told.at(-1)).toEqual({ name: 'resync', id: undefined, data: { revision: now } });
    });

    it('sends resync and ends if the log has a gap or no longer reaches back', async () => {
      const instance = await client.gateway();
      const own = await Machine.of(client, instance);
      for (let i = 0; i < 5; i++) await client.post(`/v2/{project}/apigw/instances/${instance}/signs`, { name: `key_${i}` });
      await service.app
        .get(Database)
        .transaction((tx) => tx.run('DELETE FROM changes WHERE scope_id = ? AND revision IN (1, 2, 4)', [instance]));
      for (const [from, told] of [
        [0, []],
        [2, [3]],
        [4, [5, 6]],
      ] as const) {
        const watch = await own.watch(from);
        await watch.until(({ ended, revisions }) => ended || revisions.at(-1) === 6);
        expect([from, watch.revisions, watch.told.at(-1)!.name]).toEqual([from, told, from === 4 ? 'change' : 'resync']);
        watch.close();
      }
    });

    it('sends resync to every watcher after a restore of the database', async () => {
      const instance = await client.gateway();
      const own = await Machine.of(client, instance);
      const create = (key: string) => client.post(`/v2/{project}/apigw/instances/${instance}/signs`, { name: key });
      await create('key_1');
      const watch = await own.watch();
      await watch.until(({ events }) => events.length > 0);
      const change = (sql: string) => service.app.get(Database).transaction((tx) => tx.run(sql, [instance]));
      await change('UPDATE change_counters SET revision = 1 WHERE scope_id = ?');
      await watch.until(({ ended }) => ended);
      expect(watch.told.at(-1)).toMatchObject({ name: 'resync', data: { revision: 1 } });
    });

    it('ends with the deletion of the gateway', async () => {
      const instance = await client.gateway();
      const own = await Machine.of(client, instance);
      const watch = await own.watch();
      await watch.until(({ events }) => events.length > 0);
      await client.delete(`/v2/{project}/apigw/instances/${instance}`);
      await watch.until(({ ended }) => ended);
      expect(watch.told.at(-1)!.data.changes).toEqual([{ kind: 'instance', id: instance, op: 'deleted' }]);
      expect((await own.get('/snapshot')).status).not.toBe(200);
    });

    it('disconnects a watcher that does not read, and continues for all others', async () => {
      const instance = await client.gateway();
      const own = await Machine.of(client, instance);
      const { host, port, hostname } = new URL(service.baseUrl);
      const slow = connect(Number(port), hostname).pause();
      slow.write(`GET /signet/v1/instances/${instance}/watch HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${own.token}\r\n\r\n`);
      slow.on('error', () => undefined);
      const watch = await own.watch();
      await watch.until(({ events }) => events.length > 0);
      const dropped = async () => /signet_watchers_dropped_total (\d+)/.exec((await client.get('/metrics')).text)![1] !== '0';
      // One event is half a megabyte; the kernel buffers the first megabytes.
      const large = (revision: number) => service.app.get(Database).transaction((tx) => largeRevision(tx, instance, revision));
      let written = 1;
      while (written < 30) await large((written += 1));
      await watch.until(({ revisions }) => revisions.at(-1) === written, 20_000);
      const { revisions } = watch;
      expect(revisions).toEqual(revisions.map((_, i) => i + 2));
      await until(dropped);
      watch.close();
      slow.destroy();
    });

    it('answers 400 for an invalid position', async () => {
      expect((await machine.get('/watch?from=-1')).status).toBe(400);
      expect((await machine.get('/watch', { 'last-event-id': 'abc' })).status).toBe(400);
    });
  });

  describe('a service that stops', () => {
    it('ends its streams, and stops in time', async () => {
      const own = await createTestDatabase(name);
      const stopping = await TestService.start(own);
      const operator = await stopping.client();
      const watches = await Promise.all([0, 1, 2].map(async () => (await Machine.of(operator, await operator.gateway())).watch()));
      const { hostname, port } = new URL(stopping.baseUrl);
      const silent = connect(Number(port), hostname).on('error', () => undefined);
      await once(silent, 'connect');
      const before = performance.now();
      await stopping.stop();
      expect(performance.now() - before).toBeLessThan(stretched(3000));
      for (const watch of watches) await watch.until(({ ended }) => ended);
      await own.drop();
    });
  });
});
