import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AuditTrailService } from '../../src/audit/audit-trail.service.js';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { type Client, TestService } from '../support/service.js';
import { Database } from '../../src/database/database.js';

/** Two services on one database, as two processes would be: separate pools, caches and keys. */
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
      await TestService.start(test, { SIGNET_SIGN_NUM_LIMIT: '100000' }),
      await TestService.start(test, { SIGNET_SIGN_NUM_LIMIT: '100000' }),
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
      // A watcher that polls `revision > last`, as a gateway does: a revision that appears behind its back would be skipped.
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
    it('has one row a write, chained', async () => {
      const { events, faults } = await services[0]!.app.get(AuditTrailService).verify();
      expect(faults).toEqual([]);
      expect(events).toBeGreaterThan(300);
    });

    it.each([
      ['a changed row', "UPDATE audit_events SET user_name = 'somebody else' WHERE scope_id = ? AND seq = 7", [7], 'changed'],
      ['a dropped row', 'DELETE FROM audit_events WHERE scope_id = ? AND seq = 7', [7], 'missing'],
      ['a cut tail', 'DELETE FROM audit_events WHERE scope_id = ? AND seq > 318', [319, 320], 'missing'],
      [
        'rows that changed places',
        'UPDATE audit_events SET seq = CASE seq WHEN 7 THEN 1000007 WHEN 8 THEN 7 ELSE seq END WHERE scope_id = ? AND seq IN (7, 8)',
        [7, 8],
        undefined,
      ],
    ])('shows %s', async (_, sql, seqs, fault) => {
      const rows = await database().rows<Record<string, string | number | null>>('SELECT * FROM audit_events WHERE scope_id = ?', [
        gateway,
      ]);
      const restore = () =>
        database().transaction(async (tx) => {
          await tx.run('DELETE FROM audit_events WHERE scope_id = ?', [gateway]);
          for (const row of rows)
            await tx.run(
              `INSERT INTO audit_events (${Object.keys(row).join(', ')}) VALUES (${Object.keys(row)
                .map(() => '?')
                .join(', ')})`,
              Object.values(row),
            );
        });
      // Moving row 8 onto 7 needs 7 out of the way first, in an order of its own on each database.
      await database().transaction(async (tx) => {
        if (fault === undefined) {
          for (const [from, to] of [
            [7, 1_000_007],
            [8, 7],
            [1_000_007, 8],
          ])
            await tx.run('UPDATE audit_events SET seq = ? WHERE scope_id = ? AND seq = ?', [to!, gateway, from!]);
        } else await tx.run(sql, [gateway]);
      });
      try {
        const { faults } = await services[0]!.app.get(AuditTrailService).verify();
        const here = faults.filter(({ scopeId }) => scopeId === gateway);
        expect(here.map(({ seq }) => seq)).toEqual(expect.arrayContaining(seqs));
        if (fault) expect(here.find(({ seq }) => seq === seqs[0])?.fault).toBe(fault);
      } finally {
        await restore();
      }
      expect((await services[0]!.app.get(AuditTrailService).verify()).faults).toEqual([]);
    });
  });
});
