import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { AuditTrailService } from '../../src/platform/audit/audit-trail.service.js';
import type { AuditEvent } from '../../src/platform/audit/audit-event.entity.js';
import { chainHash, insertEvent, SELECT_EVENTS } from '../../src/platform/audit/chain.js';
import type { ChainFault } from '../../src/platform/audit/chain-walk.js';
import { ChainHeads, HEAD_EVERY, RECORD_HEAD } from '../../src/platform/audit/chain-heads.service.js';
import { Denials } from '../../src/platform/audit/denials.service.js';
import { RetentionService } from '../../src/platform/audit/retention.service.js';
import { CHECKPOINTS, DENIED } from '../../src/platform/audit/service-chains.js';
import { ChangeFeed } from '../../src/platform/changes/change-feed.js';
import { Database } from '../../src/platform/database/database.js';
import { operator } from '../../src/identity/projects/operator.js';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { routesOf } from '../support/routes.js';
import { type Client, TestService } from '../support/service.js';
import { WEBHOOK_ENV, WebhookClient } from '../support/webhooks.js';

const WRITES = 12;

onBothDatabases((name) => {
  let test: TestDatabase;
  let service: TestService;
  let client: Client;
  let gateway: string;
  const database = () => service.app.get(Database);
  const trail = () => service.app.get(AuditTrailService);
  const retention = () => service.app.get(RetentionService);
  const run = (sql: string, params: (string | number)[] = []) => database().transaction((tx) => tx.run(sql, params));
  const rowsOf = (scope: string) => database().rows<AuditEvent>(`${SELECT_EVENTS} WHERE scope_id = ? ORDER BY seq`, [scope]);

  beforeAll(async () => {
    test = await createTestDatabase(name);
    service = await TestService.start(test, { SIGNET_RETENTION: 'denied-rows=1000', SIGNET_LIMITS: 'instances=1000', ...WEBHOOK_ENV });
    client = await service.client();
  });
  afterAll(async () => {
    await service.stop();
    await test.drop();
  });
  beforeEach(async () => {
    gateway = await client.gateway();
    for (let i = 0; i < WRITES; i++)
      expect((await client.post(`/v2/{project}/apigw/instances/${gateway}/signs`, { name: `key_${i}` })).status).toBe(201);
  });

  describe('signet admin audit verify', () => {
    /** Moves rows within a chain, and overwrites rows at the target. */
    const move = async (...moves: [from: number, to: number][]) => {
      for (const [from, to] of moves) await run('UPDATE audit_events SET seq = ? WHERE scope_id = ? AND seq = ?', [-to, gateway, from]);
      for (const [, to] of moves) await run('DELETE FROM audit_events WHERE scope_id = ? AND seq = ?', [gateway, to]);
      for (const [, to] of moves) await run('UPDATE audit_events SET seq = ? WHERE scope_id = ? AND seq = ?', [to, gateway, -to]);
    };
    const update = (seq: number, assignment: string) =>
      run(`UPDATE audit_events SET ${assignment} WHERE scope_id = ? AND seq = ?`, [gateway, seq]);
    const drop = (condition: string) => run(`DELETE FROM audit_events WHERE scope_id = ? AND ${condition}`, [gateway]);
    const fault = (kind: ChainFault['fault'], seq: number, more: object = {}) => ({ scopeId: gateway, seq, fault: kind, ...more });

    let before: AuditEvent[];
    beforeEach(async () => void (before = await rowsOf(gateway)));
    afterEach(async () => {
      await drop('seq <> 0');
      await database().transaction(async (tx) => {
        for (const event of before) await insertEvent(tx, event, before[before.indexOf(event) - 1]?.hash ?? '0'.repeat(64));
      });
      await run('UPDATE change_counters SET revision = ? WHERE scope_id = ?', [WRITES, gateway]);
      expect((await trail().verify()).faults).toEqual([]);
    });

    it.each<[string, () => Promise<unknown>, () => object[]]>([
      ['a changed name', () => update(7, "user_name = 'somebody else'"), () => [fault('changed', 7)]],
      ['a changed access key', () => update(7, "access_key_id = 'AK'"), () => [fault('changed', 7)]],
      ['a changed address', () => update(1, "source_address = '192.0.2.1'"), () => [fault('changed', 1)]],
      [
        'a changed hash, and not the next row',
        () => update(7, `hash = '${'a'.repeat(64)}'`),
        () => [fault('changed', 7), fault('changed', 8)],
      ],
      ['a row changed to the older format', () => update(7, 'format = 1'), () => [fault('changed', 7)]],
      ['a row of an unknown format', () => update(7, 'format = 3'), () => [fault('changed', 7)]],
      ['a dropped row', () => drop('seq = 7'), () => [fault('missing', 7, { through: 7 })]],
      ['dropped rows', () => drop('seq IN (4, 5, 6, 9)'), () => [fault('missing', 4, { through: 6 }), fault('missing', 9, { through: 9 })]],
      ['a cut tail', () => drop('seq > 9'), () => [fault('missing', 10, { through: WRITES })]],
      ['a cut head', () => drop('seq < 4'), () => [fault('missing', 1, { through: 3 })]],
      ['an emptied chain', () => drop('seq > 0'), () => [fault('missing', 1, { through: WRITES })]],
      [
        'two swapped rows, and neither of their neighbours',
        () => move([7, 8], [8, 7]),
        () => [fault('moved', 7, { from: 8 }), fault('moved', 8, { from: 7 })],
      ],
      [
        'rows in another order',
        () => move([3, 5], [4, 3], [5, 4]),
        () => [fault('moved', 3, { from: 4 }), fault('moved', 4, { from: 5 }), fault('moved', 5, { from: 3 })],
      ],
      [
        'a deleted row whose number the next row took',
        () => move([8, 7]),
        () => [fault('changed', 7), fault('missing', 8, { through: 8 })],
      ],
      [
        'a row moved to the end',
        () => move([7, WRITES + 5]),
        () => [
          fault('missing', 7, { through: 7 }),
          fault('missing', WRITES + 1, { through: WRITES + 4 }),
          fault('moved', WRITES + 5, { from: 7 }),
          fault('surplus', WRITES + 5),
        ],
      ],
      [
        'a counter set back',
        () => run('UPDATE change_counters SET revision = 5 WHERE scope_id = ?', [gateway]),
        () => [fault('surplus', WRITES)],
      ],
    ])('names %s', async (_, tamper, expected) => {
      await tamper();
      expect((await trail().verify()).faults.filter(({ scopeId }) => scopeId === gateway)).toEqual(expected());
    });

    it('reports one gap before a row whose number is far too high', async () => {
      await move([7, 9_000_000_000_000]);
      const { faults } = await trail().verify();
      expect(faults).toContainEqual(fault('missing', WRITES + 1, { through: 8_999_999_999_999 }));
    });

    it('detects a chain that was rebuilt from a row on, but only by comparison with stored heads or an export', async () => {
      const noted = await trail().heads();
      const exported = before.map(({ scopeId, seq, hash }) => ({ scopeId, seq, hash }));
      let previous = before[5]!.hash;
      for (const event of before.slice(6)) {
        const forged = { ...event, userName: 'nobody' };
        previous = chainHash(forged, previous);
        await update(event.seq, `user_name = 'nobody', hash = '${previous}'`);
      }
      expect((await trail().verify()).faults).toEqual([]);
      expect((await trail().verify(noted)).faults).toEqual([fault('rewritten', WRITES)]);
      expect((await trail().verify(exported)).faults).toEqual(before.slice(6).map(({ seq }) => fault('rewritten', seq)));
    });

    it('still verifies rows of the first format, followed by rows of the second', async () => {
      await drop('seq > 0');
      let previous = '0'.repeat(64);
      for (const event of before) {
        const old = { ...event, format: event.seq < 7 ? 1 : 2 };
        previous = await database().transaction((tx) => insertEvent(tx, old, previous));
      }
      expect((await trail().verify()).faults).toEqual([]);
      await update(3, "user_id = 'x'");
      expect((await trail().verify()).faults).toEqual([fault('changed', 3)]);
    });
  });

  it('the chain of a deleted gateway is reported as missing if it is removed', async () => {
    expect((await client.delete(`/v2/{project}/apigw/instances/${gateway}`)).status).toBeLessThan(300);
    const gone = await rowsOf(gateway);
    await run('DELETE FROM audit_events WHERE scope_id = ?', [gateway]);
    expect((await trail().verify()).faults).toEqual([{ scopeId: gateway, seq: 1, through: 1, fault: 'missing' }]);
    await database().transaction(async (tx) => {
      for (const event of gone) await insertEvent(tx, event, gone[gone.indexOf(event) - 1]?.hash ?? '0'.repeat(64));
    });
    expect((await trail().verify()).faults).toEqual([]);
  });

  describe('the chain of an existing gateway or of an endpoint', () => {
    const stored = (table: string) =>
      database().rows<Record<string, string | number>>(`SELECT * FROM ${table} WHERE scope_id = ?`, [gateway]);
    const putBack = async (table: string, rows: Record<string, string | number>[]) => {
      for (const row of rows) {
        const columns = Object.keys(row);
        await run(`INSERT INTO ${table} (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`, Object.values(row));
      }
    };
    /** Deletes everything about a chain, except the rows of its project's chain. */
    const removed = async () => {
      const [events, counters] = [await stored('audit_events'), await stored('change_counters')];
      await run('DELETE FROM audit_events WHERE scope_id = ?', [gateway]);
      await run('DELETE FROM change_counters WHERE scope_id = ?', [gateway]);
      return async () => {
        await putBack('change_counters', counters);
        await putBack('audit_events', events);
        expect((await trail().verify()).faults).toEqual([]);
      };
    };

    it('is reported as missing when it is removed together with its counter', async () => {
      const restore = await removed();
      expect((await trail().verify()).faults).toEqual([{ scopeId: gateway, seq: 1, through: 1, fault: 'missing' }]);
      await restore();
    });

    it('is reported as missing also after its project’s chain was pruned', async () => {
      expect((await retention().prune(Date.now() + 60_000, operator('signet-cli'))).map(({ scopeId }) => scopeId)).toContain(
        client.projectId,
      );
      const restore = await removed();
      expect((await trail().verify()).faults).toEqual([{ scopeId: gateway, seq: WRITES, through: WRITES, fault: 'missing' }]);
      await restore();
    });

    it('has its head recorded regularly in its project’s chain, which reveals if earlier rows are rebuilt or truncated', async () => {
      const announce = (revision: number) =>
        service.app.get(ChangeFeed, { strict: false }).announce({ scope: { kind: 'instance', id: gateway }, revision, local: true });
      announce(HEAD_EVERY - 1);
      announce(HEAD_EVERY);
      await service.app.get(ChainHeads, { strict: false }).whenRecorded();
      const rows = await rowsOf(gateway);
      const heads = (await rowsOf(client.projectId)).filter(({ action, resourceId }) => action === RECORD_HEAD && resourceId === gateway);
      expect(heads.map(({ detail }) => JSON.parse(detail!))).toEqual([{ chain: { seq: WRITES, hash: rows.at(-1)!.hash } }]);
      expect((await trail().verify()).faults).toEqual([]);
      let previous = rows[5]!.hash;
      for (const event of rows.slice(6)) {
        const forged = { ...event, userName: 'nobody' };
        previous = chainHash(forged, previous);
        await run("UPDATE audit_events SET user_name = 'nobody', hash = ? WHERE scope_id = ? AND seq = ?", [previous, gateway, event.seq]);
      }
      expect((await trail().verify()).faults).toEqual([{ scopeId: gateway, seq: WRITES, fault: 'rewritten' }]);
      await run('DELETE FROM audit_events WHERE scope_id = ? AND seq > 6', [gateway]);
      await run('UPDATE change_counters SET revision = 6 WHERE scope_id = ?', [gateway]);
      expect((await trail().verify()).faults).toEqual([{ scopeId: gateway, seq: WRITES, through: WRITES, fault: 'missing' }]);
      await run('UPDATE change_counters SET revision = ? WHERE scope_id = ?', [WRITES, gateway]);
      await database().transaction(async (tx) => {
        for (const event of rows.slice(6)) await insertEvent(tx, event, rows[rows.indexOf(event) - 1]!.hash);
      });
      expect((await trail().verify()).faults).toEqual([]);
    });

    it('is recorded in its project’s chain also if it belongs to an endpoint', async () => {
      const webhooks = await WebhookClient.of(client);
      const { id } = await webhooks.endpoint();
      gateway = id;
      await webhooks.post(`/v1/endpoints/${id}/pause`);
      const restore = await removed();
      expect((await trail().verify()).faults).toEqual([{ scopeId: id, seq: 1, through: 1, fault: 'missing' }]);
      await restore();
    });

    it('cannot be rebuilt undetected after its gateway is deleted', async () => {
      expect((await client.delete(`/v2/{project}/apigw/instances/${gateway}`)).status).toBeLessThan(300);
      const rows = await rowsOf(gateway);
      const forge = async (name: string) => {
        let previous = '0'.repeat(64);
        for (const event of rows) {
          previous = chainHash({ ...event, userName: name === '' ? event.userName : name }, previous);
          const values = [name === '' ? event.userName : name, previous, gateway, event.seq];
          await run('UPDATE audit_events SET user_name = ?, hash = ? WHERE scope_id = ? AND seq = ?', values);
        }
      };
      await forge('nobody');
      expect((await trail().verify()).faults).toEqual([{ scopeId: gateway, seq: WRITES + 1, fault: 'rewritten' }]);
      await forge('');
      expect((await trail().verify()).faults).toEqual([]);
    });
  });

  describe('signet admin audit prune', () => {
    const future = () => Date.now() + 60_000;
    const prune = async (before = future()) =>
      (await retention().prune(before, operator('signet-cli'))).find(({ scopeId }) => scopeId === gateway);

    it('leaves the newest row and a checkpoint, so that the chain continues and verifies', async () => {
      expect(await prune()).toEqual({ scopeId: gateway, events: WRITES - 1, faults: [] });
      expect((await rowsOf(gateway)).map(({ seq }) => seq)).toEqual([WRITES]);
      expect(await prune()).toBeUndefined();
      expect((await client.post(`/v2/{project}/apigw/instances/${gateway}/signs`, { name: 'after_prune' })).status).toBe(201);
      expect((await trail().verify()).faults).toEqual([]);
      const checkpoint = (await rowsOf(CHECKPOINTS)).findLast(({ resourceId }) => resourceId === gateway)!;
      expect(checkpoint).toMatchObject({ action: 'PruneAuditTrail', userId: 'signet-cli', projectId: client.projectId });
      expect(JSON.parse(checkpoint.detail!)).toEqual({
        seq: WRITES - 1,
        hash: expect.stringMatching(/^[0-9a-f]{64}$/),
        events: WRITES - 1,
      });
      expect(await prune()).toEqual({ scopeId: gateway, events: 1, faults: [] });
      expect((await trail().verify()).faults).toEqual([]);
    });

    it('removes rows up to the first one that is not older', async () => {
      const rows = await rowsOf(gateway);
      for (const { seq } of rows) await run('UPDATE audit_events SET created_at = ? WHERE scope_id = ? AND seq = ?', [seq, gateway, seq]);
      let previous = '0'.repeat(64);
      for (const event of rows) {
        previous = chainHash({ ...event, createdAt: event.seq }, previous);
        await run('UPDATE audit_events SET hash = ? WHERE scope_id = ? AND seq = ?', [previous, gateway, event.seq]);
      }
      expect(await prune(6)).toEqual({ scopeId: gateway, events: 5, faults: [] });
      expect((await rowsOf(gateway)).map(({ seq }) => seq)).toEqual(Array.from({ length: WRITES - 5 }, (_, i) => i + 6));
      expect((await trail().verify()).faults).toEqual([]);
      // A stored head that names a pruned row is not a fault.
      const noted = rows.map(({ seq, hash }) => ({ scopeId: gateway, seq, hash })).slice(0, 3);
      expect((await trail().verify(noted)).faults).toEqual([]);
    });

    it('keeps rows that do not verify, and names the reason', async () => {
      await run("UPDATE audit_events SET user_name = 'x' WHERE scope_id = ? AND seq = 4", [gateway]);
      expect(await prune()).toEqual({ scopeId: gateway, events: 0, faults: [{ scopeId: gateway, seq: 4, fault: 'changed' }] });
      expect(await rowsOf(gateway)).toHaveLength(WRITES);
      await run(
        'UPDATE audit_events SET user_name = (SELECT n FROM (SELECT MAX(user_name) AS n FROM audit_events WHERE scope_id = ? AND seq = 5) o) WHERE scope_id = ? AND seq = 4',
        [gateway, gateway],
      );
      expect((await trail().verify()).faults).toEqual([]);
    });

    it('leaves a chain that verifies even if it is interrupted after its checkpoint, and is completed by the next run', async () => {
      const rows = await rowsOf(gateway);
      await prune();
      await database().transaction(async (tx) => {
        for (const event of rows.slice(3, WRITES - 1)) await insertEvent(tx, event, rows[event.seq - 2]!.hash);
      });
      expect((await trail().verify()).faults).toEqual([]);
      expect((await prune())!.events).toBe(WRITES - 4);
      expect(await rowsOf(gateway)).toHaveLength(1);
    });

    it('cannot be imitated, because missing rows without a valid checkpoint are reported', async () => {
      await prune();
      const rows = await rowsOf(CHECKPOINTS);
      const { seq, detail, hash } = rows.at(-1)!;
      const put = (value: string) => run('UPDATE audit_events SET detail = ? WHERE scope_id = ? AND seq = ?', [value, CHECKPOINTS, seq]);
      await put(JSON.stringify({ seq: 3, hash, events: 3 }));
      expect((await trail().verify()).faults).toEqual([
        { scopeId: CHECKPOINTS, seq, fault: 'changed' },
        { scopeId: gateway, seq: 4, through: WRITES - 1, fault: 'missing' },
      ]);
      await put(detail!);
      await run('DELETE FROM audit_events WHERE scope_id = ? AND seq = ?', [CHECKPOINTS, seq]);
      expect((await trail().verify()).faults).toContainEqual({ scopeId: gateway, seq: 1, through: WRITES - 1, fault: 'missing' });
      expect((await trail().verify()).faults).toContainEqual({ scopeId: CHECKPOINTS, seq, through: seq, fault: 'missing' });
      await database().transaction((tx) => insertEvent(tx, rows.at(-1)!, rows.at(-2)?.hash ?? '0'.repeat(64)));
      expect((await trail().verify()).faults).toEqual([]);
    });
  });

  describe('the log of refused requests', () => {
    const denials = () => service.app.get(Denials);
    const denied = async () => (await rowsOf(DENIED)).map((row) => ({ ...row, detail: JSON.parse(row.detail!) }));
    const total = async () => (await denied()).reduce((sum, { detail }) => sum + detail.count, 0);
    const refused = (count: number, path = '/v2/x/apigw/instances', headers: Record<string, string> = {}) =>
      Promise.all(Array.from({ length: count }, () => fetch(service.baseUrl + path, { headers })));

    it('has one row for all requests that differ only in time, and counts every request', async () => {
      await denials().flush();
      const before = await total();
      await refused(200);
      await denials().flush();
      await refused(50);
      await denials().flush();
      const rows = (await denied()).slice(-2);
      expect(rows.map(({ detail, resourceName, resourceId }) => [detail.status, detail.count, resourceId, resourceName])).toEqual([
        [401, 200, 'token_missing', 'GET /v2/:project_id/apigw/instances'],
        [401, 50, 'token_missing', 'GET /v2/:project_id/apigw/instances'],
      ]);
      expect(await total()).toBe(before + 250);
      expect((await trail().verify()).faults).toEqual([]);
    });

    it('is written automatically when its window ends', async () => {
      await denials().flush();
      const before = await total();
      const other = await TestService.start(test, {}, { auditDeniedWindowSeconds: 1 });
      try {
        await fetch(`${other.baseUrl}/v2/x/apigw/instances`);
        // Only the time limit of the test ends this wait.
        while ((await total()) === before) await new Promise((resolve) => setTimeout(resolve, 20));
        expect(await total()).toBe(before + 1);
      } finally {
        await other.stop();
      }
    });

    it('writes a bounded number of rows in any flood, and still counts every request', async () => {
      await denials().flush();
      const [before, rows] = [await total(), (await denied()).length];
      const guarded = routesOf(service.app).filter(({ access }) => access?.kind !== 'public');
      expect(guarded.length).toBeGreaterThan(40);
      for (const { method, path } of guarded) await fetch(service.baseUrl + path.replace(/:[a-z_]+/g, 'x'), { method });
      await denials().flush();
      const added = (await denied()).slice(rows);
      // The first eight kinds of refusals from one address have separate rows, and all further kinds share one.
      expect(added).toHaveLength(9);
      expect(added.at(-1)).toMatchObject({
        resourceId: 'others',
        sourceAddress: '127.0.0.1',
        detail: { status: 401, count: guarded.length - 8 },
      });
      expect(await total()).toBe(before + guarded.length);
    });

    it('is chained in order when two processes write at once, and a checkpoint replaces the oldest rows', async () => {
      const other = await TestService.start(test, { SIGNET_RETENTION: 'denied-rows=1000' });
      try {
        const before = await total();
        await Promise.all(
          [service, other].map(async ({ app, baseUrl }) => {
            for (let i = 0; i < 20; i++) {
              await fetch(`${baseUrl}/v2/x/apigw/instances`);
              await app.get(Denials).flush();
            }
          }),
        );
        expect(await total()).toBe(before + 40);
        expect((await trail().verify()).faults).toEqual([]);
      } finally {
        await other.stop();
      }
      await retention().pruneTo(DENIED, 10);
      expect(await denied()).toHaveLength(10);
      expect((await trail().verify()).faults).toEqual([]);
    });

    it('does not wait for writes of gateways, and keeps its counts if the database refuses them', async () => {
      const before = await total();
      if (name === 'mariadb') {
        // This write holds the gateway's lock while the refusals are written.
        let letGo = () => {};
        const held = new Promise<void>((resolve) => (letGo = resolve));
        let begun = () => {};
        const holds = new Promise<void>((resolve) => (begun = resolve));
        const write = database().transaction(async (tx) => {
          await tx.run('UPDATE change_counters SET revision = revision WHERE scope_id = ?', [gateway]);
          begun();
          await held;
        });
        await holds;
        await refused(3);
        await denials().flush();
        letGo();
        await write;
        expect(await total()).toBe(before + 3);
      }
      const held = await total();
      await run("UPDATE change_counters SET scope_id = 'elsewhere' WHERE scope_id = ?", [DENIED]);
      await refused(3);
      await denials().flush();
      await refused(4);
      await denials().flush();
      await run("UPDATE change_counters SET scope_id = ? WHERE scope_id = 'elsewhere'", [DENIED]);
      expect(await total()).toBe(held);
      await denials().flush();
      expect(await total()).toBe(held + 7);
      expect((await trail().verify()).faults).toEqual([]);
    });
  });
});
