import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AuditTrailService } from '../../src/platform/audit/audit-trail.service.js';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { type Client, TestService } from '../support/service.js';
import { Database } from '../../src/platform/database/database.js';

/** Two services on one database, with separate pools, caches and keys like two processes. */
onBothDatabases((name) => {
  let test: TestDatabase;
  let services: TestService[];
  let clients: Client[];
  let gateway: string;
  const at = (path: string) => `/v2/{project}/apigw/instances/${gateway}${path}`;
  const database = () => services[0]!.app.get(Database);

  beforeAll(async () => {
    test = await createTestDatabase(name);
    services = [
      await TestService.start(test, { SIGNET_LIMITS: 'signs=100000' }),
      await TestService.start(test, { SIGNET_LIMITS: 'signs=100000' }),
    ];
    const first = await services[0]!.client({ project: 'shared' });
    clients = [first, await services[1]!.client({ project: 'shared' })];
    gateway = await first.gateway();
  });
  afterAll(async () => {
    await Promise.all(services.map((service) => service.stop()));
    await test.drop();
  });

  describe('the change log', () => {
    it('has every revision once, in commit order, under 40 parallel writers in two services', async () => {
      const seen: number[] = [];
      let watching = true;
      // A watcher that polls `revision > last`, as a gateway does: it would skip a revision that appears late.
      const watcher = (async () => {
        let last = 0;
        while (watching) {
          // A read on SQLite does not yield by itself.
          await new Promise(setImmediate);
          const rows = await database().rows<{ revision: number }>(
            'SELECT DISTINCT revision FROM changes WHERE scope_id = ? AND revision > ? ORDER BY revision',
            [gateway, last],
          );
          for (const { revision } of rows) seen.push((last = Number(revision)));
        }
      })();
      const writers = Array.from({ length: 40 }, async (_, w) => {
        for (let i = 0; i < 5; i++) {
          const client = clients[w % 2]!;
          const { status, body } = await client.post(at('/signs'), { name: `key_${w}_${i}` });
          expect(status).toBe(201);
          if (i % 2 === 0) expect((await client.delete(at(`/signs/${body.id}`))).status).toBe(204);
        }
      });
      await Promise.all(writers).catch((error: unknown) => {
        watching = false;
        throw error;
      });
      const [counter] = await database().rows<{ revision: number }>('SELECT revision FROM change_counters WHERE scope_id = ?', [gateway]);
      const expected = Array.from({ length: Number(counter!.revision) }, (_, i) => i + 1);
      while (seen.at(-1) !== expected.at(-1)) await new Promise(setImmediate);
      watching = false;
      await watcher;
      expect(expected.length).toBe(40 * 5 + 40 * 3);
      expect(seen).toEqual(expected);
    });

    it('keeps no revision of a write that was refused', async () => {
      const revision = async () =>
        Number(
          (await database().rows<{ revision: number }>('SELECT revision FROM change_counters WHERE scope_id = ?', [gateway]))[0]!.revision,
        );
      const before = await revision();
      expect((await clients[0]!.delete(at('/signs/00000000000000000000000000000000'))).status).toBe(404);
      expect((await clients[0]!.post(at('/signs'), { name: 'key_pub', sign_type: 'public_key' })).status).toBe(412);
      expect(await revision()).toBe(before);
    });
  });

  describe('the audit trail', () => {
    it('has one chained row for each write', async () => {
      const { events, faults } = await services[0]!.app.get(AuditTrailService).verify();
      expect(faults).toEqual([]);
      expect(events).toBeGreaterThan(300);
    });
  });
});
