import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Clock } from '../../src/common/clock.js';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { Machine } from '../support/machine.js';
import { type Client, READ_ONLY, TestService } from '../support/service.js';

onBothDatabases((name) => {
  let database: TestDatabase;
  let service: TestService;
  let client: Client;
  let gateway: string;
  let machine: Machine;
  let count = 0;
  const at = (path: string) => `/v2/{project}/apigw/instances/${gateway}${path}`;
  const own = (path: string) => `/signet/v1/instances/${gateway}${path}`;
  const receipt = async (revision: number) => (await client.get(own(`/receipts/${revision}`))).body;
  const create = async () => (await client.post(at('/signs'), { name: `key_${(count += 1)}` })).body.id as string;
  const later = (seconds: number) => {
    const clock = service.app.get(Clock);
    clock.now = () => new Date().getTime() + seconds * 1000;
  };
  /** A new gateway with nodes that have everything. @returns its revision */
  const fleet = async (...nodes: string[]): Promise<number> => {
    gateway = await client.gateway();
    machine = await Machine.of(client, gateway);
    for (const node of nodes) expect((await machine.report(node, 1)).status).toBe(200);
    return 1;
  };

  beforeAll(async () => {
    database = await createTestDatabase(name);
    service = await TestService.start(database, { SIGNET_INSTANCE_NUM_LIMIT: '1000' });
    client = await service.client({ project: 'own' });
  });
  afterEach(() => later(0));
  afterAll(async () => {
    await service.stop();
    await database.drop();
  });

  describe('PUT …/nodes/{node_id}', () => {
    it('200 with the revision now, and without touching it', async () => {
      await fleet();
      const { status, body } = await machine.report('node-1', 0);
      expect([status, body]).toEqual([200, { revision: 1, lease_seconds: null }]);
      await create();
      expect((await machine.report('node-1', 1)).body.revision).toBe(2);
      const { body: nodes } = await client.get(own('/nodes'));
      expect(nodes).toMatchObject({ total: 1, nodes: [{ node_id: 'node-1', applied_revision: 1, version: '1.0.0', lease_until: null }] });
    });

    it('409 for a revision that there is not yet', async () => {
      await fleet();
      expect((await machine.report('node-1', 2)).status).toBe(409);
    });

    it('takes many reports at once, each with its own answer', async () => {
      await fleet();
      const answers = await Promise.all(Array.from({ length: 60 }, (_, i) => machine.report(`node-${i}`, i % 2 === 0 ? 1 : 7)));
      expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 60 }, (_, i) => (i % 2 === 0 ? 200 : 409)));
      expect((await client.get(own('/nodes'))).body.total).toBe(30);
    });

    it('ignores a late report of the same process', async () => {
      await fleet();
      await create();
      await machine.report('n', 2, { started_at: 1000 });
      await machine.report('n', 1, { started_at: 1000 });
      expect(await receipt(2)).toMatchObject({ complete: true });
    });

    it.each([
      ['of a process that has begun since', { started_at: 2000 }],
      ['of a process that does not say when it began', {}],
    ])('takes a lower revision %s for a restart: receipts wait for it again', async (_, more) => {
      await fleet();
      await create();
      await machine.report('n', 2, { started_at: 1000 });
      expect(await receipt(2)).toMatchObject({ complete: true });
      await machine.report('n', 0, more);
      expect(await receipt(2)).toMatchObject({ complete: false, nodes: [{ state: 'pending', acknowledged_at: null }] });
      await machine.report('n', 2, more);
      expect(await receipt(2)).toMatchObject({ complete: true });
    });

    it('409 for the older of two processes that report as one node, until the other is not seen any more', async () => {
      await fleet();
      await machine.report('n', 1, { started_at: 2000 });
      expect((await machine.report('n', 0, { started_at: 1000 })).status).toBe(409);
      expect(await receipt(1)).toMatchObject({ complete: true });
      later(16);
      expect((await machine.report('n', 0, { started_at: 1000 })).status).toBe(200);
      expect(await receipt(1)).toMatchObject({ complete: false });
    });

    it('forgets a node that leaves', async () => {
      await fleet('a', 'b');
      await machine.report('a', 1, { leaving: true });
      expect((await client.get(own('/nodes'))).body.nodes).toMatchObject([{ node_id: 'b' }]);
    });

    it.each([
      ['no revision', 'n', { applied_revision: undefined }],
      ['a revision that is no number', 'n', { applied_revision: '1' }],
      ['a negative revision', 'n', { applied_revision: -1 }],
      ['usage that is none', 'n', { usage: [{ publish_id: 'p' }] }],
      ['a name that is none', 'a%20b', {}],
    ])('400 for %s', async (_, node, more) => {
      await fleet();
      expect((await machine.call('PUT', `/nodes/${node}`, { applied_revision: 1, version: '1', ...more })).status).toBe(400);
    });
  });

  describe('GET …/receipts/{revision}', () => {
    it('is complete without nodes', async () => {
      await fleet();
      expect(await receipt(1)).toEqual({
        instance_id: gateway,
        revision: 1,
        complete: true,
        created_at: expect.stringMatching(/^\d{4}-.*Z$/),
        nodes: [],
      });
    });

    it('tells who has applied it and since when, and who has not', async () => {
      await fleet('a', 'b');
      await create();
      await create();
      await machine.report('a', 2);
      expect(await receipt(2)).toMatchObject({
        complete: false,
        nodes: [
          { node_id: 'a', state: 'acknowledged', acknowledged_at: expect.any(String) },
          { node_id: 'b', state: 'pending', acknowledged_at: null },
        ],
      });
      const first = (await receipt(2)).nodes[0].acknowledged_at;
      await machine.report('a', 3);
      await machine.report('b', 3);
      const done = await receipt(2);
      expect(done.complete).toBe(true);
      expect(done.nodes[0].acknowledged_at).toBe(first);
      expect(await receipt(3)).toMatchObject({ complete: true });
    });

    it('waits for a node that is registered and has nothing yet', async () => {
      await fleet();
      await machine.report('new', 0);
      expect(await receipt(1)).toMatchObject({ complete: false, nodes: [{ state: 'pending' }] });
    });

    it('calls a node unreachable that has not reported lately, until an operator forgets it', async () => {
      await fleet('gone');
      await create();
      later(16);
      expect(await receipt(2)).toMatchObject({ complete: false, nodes: [{ node_id: 'gone', state: 'unreachable', lease_until: null }] });
      expect((await client.delete(own('/nodes/gone'))).status).toBe(204);
      expect(await receipt(2)).toMatchObject({ complete: true, nodes: [] });
      const { events } = (await client.get('/signet/v1/audit?resource_id=gone&action=DeleteGatewayNode')).body;
      expect(events[0]).toMatchObject({ resource_type: 'GatewayNode', detail: { applied_revision: 1 } });
      // It was not gone: its next report brings it back with what it has.
      await machine.report('gone', 1);
      expect(await receipt(2)).toMatchObject({ complete: false });
    });

    it.each(['3', '0', '-1', '01', 'abc', '9'.repeat(15)])('404 for %s, which is no revision yet', async (revision) => {
      await fleet();
      expect((await client.get(own(`/receipts/${revision}`))).status).toBe(404);
    });

    it('404 for a gateway of another project, 200 for a reader of this one', async () => {
      await fleet();
      expect((await (await service.client()).get(own('/receipts/1'))).status).toBe(404);
      const reader = await service.client({ role: READ_ONLY, project: 'own' });
      expect((await reader.get(own('/receipts/1'))).status).toBe(200);
    });
  });

  describe('PUT …/settings', () => {
    it('200, audited, and nodes learn of it', async () => {
      await fleet('n');
      expect((await client.get(own('/settings'))).body).toEqual({ lease_seconds: null, mask_secrets: false });
      expect((await client.put(own('/settings'), { lease_seconds: 20 })).body).toEqual({ lease_seconds: 20, mask_secrets: false });
      expect((await machine.report('n', 2)).body).toMatchObject({ lease_seconds: 20 });
      const { events } = (await client.get(`/signet/v1/audit?instance_id=${gateway}&action=UpdateInstanceSettings`)).body;
      expect(events[0]).toMatchObject({ detail: { lease_seconds: 20 } });
      expect((await client.put(own('/settings'), { lease_seconds: null })).body).toEqual({ lease_seconds: null, mask_secrets: false });
    });

    it.each([9, 86_401, 1.5, '20', undefined, true])('400 for %s', async (lease_seconds) => {
      expect((await client.put(own('/settings'), { lease_seconds })).status).toBe(400);
    });

    it('a lease completes the receipt of a node that is cut off, once the node is known to go by it', async () => {
      await fleet();
      await client.put(own('/settings'), { lease_seconds: 20 });
      await machine.report('n', 2);
      await create();
      later(30);
      // The answer that told it of the lease may have been lost.
      expect(await receipt(3)).toMatchObject({ complete: false, nodes: [{ state: 'unreachable', lease_until: null }] });
      later(0);
      await machine.report('n', 2, { lease_seconds: 20 });
      later(18);
      expect(await receipt(3)).toMatchObject({ complete: false, nodes: [{ state: 'lease_running', lease_until: expect.any(String) }] });
      later(21);
      expect(await receipt(3)).toMatchObject({ complete: false });
      later(23);
      expect(await receipt(3)).toMatchObject({ complete: true, nodes: [{ state: 'lease_over', acknowledged_at: null }] });
    });

    it('a lease that is shortened counts as the longer one until the node shows the shorter', async () => {
      await fleet();
      await client.put(own('/settings'), { lease_seconds: 60 });
      await machine.report('n', 2, { lease_seconds: 60 });
      await client.put(own('/settings'), { lease_seconds: 10 });
      await machine.report('n', 2, { lease_seconds: 60 });
      later(30);
      expect(await receipt(3)).toMatchObject({ complete: false });
      await machine.report('n', 2, { lease_seconds: 10 });
      later(30 + 13);
      expect(await receipt(3)).toMatchObject({ complete: true });
    });
  });

  describe('Signet-Receipt', () => {
    const headersOf = ({ headers }: { headers: Headers }) => [headers.get('signet-revision'), headers.get('signet-receipt')];
    const expected = (revision: number) => [String(revision), own(`/receipts/${revision}`)];

    it('stands on modify, delete, bind and unbind, and the answers are as they were', async () => {
      await fleet();
      const id = await create();
      const updated = await client.put(at(`/signs/${id}`), { name: 'renamed' });
      expect([updated.status, updated.body.name, ...headersOf(updated)]).toEqual([200, 'renamed', ...expected(3)]);
      const { publishIds } = await client.publishedApi(gateway);
      const bound = await client.post(at('/sign-bindings'), { sign_id: id, publish_ids: publishIds });
      expect([bound.status, bound.body.bindings.length, ...headersOf(bound)]).toEqual([201, 1, ...expected(7)]);
      const again = await client.post(at('/sign-bindings'), { sign_id: id, publish_ids: publishIds });
      expect(headersOf(again)).toEqual(expected(7));
      const unbound = await client.delete(at(`/sign-bindings/${bound.body.bindings[0].id}`));
      expect([unbound.status, unbound.text, ...headersOf(unbound)]).toEqual([204, '', ...expected(8)]);
      const deleted = await client.delete(at(`/signs/${id}`));
      expect([deleted.status, deleted.text, ...headersOf(deleted)]).toEqual([204, '', ...expected(9)]);
      expect((await client.get(deleted.headers.get('signet-receipt')!)).body).toMatchObject({ revision: 9, complete: true });
      expect(deleted.headers.get('preference-applied')).toBeNull();
    });

    it('stands on no refusal', async () => {
      await fleet();
      expect(headersOf(await client.delete(at('/signs/0123456789abcdef0123456789abcdef')))).toEqual([null, null]);
    });
  });

  describe('Prefer: wait=N', () => {
    const remove = (id: string, prefer: string) => client.call('DELETE', at(`/signs/${id}`), undefined, { prefer });

    it('answers when the last node has applied the deletion', async () => {
      await fleet('a', 'b');
      const id = await create();
      const watch = await machine.watch();
      const before = performance.now();
      const answer = remove(id, 'respond-async, wait=20');
      await watch.until(({ revisions }) => revisions.at(-1) === 3);
      await machine.report('a', 3);
      expect(await receipt(3)).toMatchObject({ complete: false });
      await machine.report('b', 3);
      const { status, headers } = await answer;
      expect([status, headers.get('preference-applied')]).toEqual([204, 'wait=20']);
      expect(performance.now() - before).toBeLessThan(5000);
      expect(await receipt(3)).toMatchObject({ complete: true });
      watch.close();
    });

    it('answers after N seconds when a node does not', async () => {
      await fleet('a');
      const before = performance.now();
      const { status, headers } = await remove(await create(), 'wait=1');
      expect([status, headers.get('preference-applied')]).toEqual([204, 'wait=1']);
      expect(performance.now() - before).toBeGreaterThanOrEqual(1000);
      expect(await receipt(3)).toMatchObject({ complete: false });
    });

    it('answers at once without nodes, and holds nobody else up meanwhile', async () => {
      await fleet();
      expect((await remove(await create(), 'wait="30"; foo')).headers.get('preference-applied')).toBe('wait=30');
      await fleet('a');
      const ids = await Promise.all(Array.from({ length: 40 }, () => create()));
      const waiting = ids.map((id) => remove(id, 'wait=25'));
      const id = await create();
      await client.put(at(`/signs/${id}`), { name: 'meanwhile' });
      let done = false;
      void Promise.all(waiting).then(() => (done = true));
      while (!done) await machine.report('a', (await machine.report('a', 1)).body.revision as number);
    });

    it.each(['wait=abc', 'wait', 'return=minimal', 'wait=-1'])('ignores %s', async (prefer) => {
      await fleet('a');
      expect((await remove(await create(), prefer)).headers.get('preference-applied')).toBeNull();
    });

    it('never waits for more than 30 s', async () => {
      await fleet();
      expect((await remove(await create(), 'wait=3600')).headers.get('preference-applied')).toBe('wait=30');
    });
  });
});
