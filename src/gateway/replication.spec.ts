import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { INSTANCE, publication, sign, TestControlPlane } from '../../test/support/control-plane.js';
import { startTestGateway } from '../../test/support/gateway.js';
import { stretched } from '../../test/support/slowness.js';
import type { GatewayPublication } from '../lib/protocol/protocol.js';
import type { Gateway } from './gateway.js';

let plane: TestControlPlane;
let node: Gateway;
let orders: GatewayPublication;
let items: GatewayPublication;

beforeEach(async () => {
  plane = await TestControlPlane.start();
  orders = publication({ req_uri: '/orders', sign: sign() });
  items = publication({ req_uri: '/items', sign: sign() });
  plane.publications = [orders, items];
});
afterEach(async () => {
  await node.close();
  await plane.stop();
});

/** Which key signs a request for `path` now: the name of the key, or the status of the refusal. */
async function signer(path: string): Promise<string | number> {
  const answer = await fetch(`http://127.0.0.1:${node.signPort}/sign`, {
    headers: { 'x-original-method': 'GET', 'x-original-uri': path, 'x-original-host': 'api.example' },
  });
  return /Access=([^,]+),/.exec(answer.headers.get('authorization') ?? '')?.[1] ?? answer.status;
}
const snapshots = () => plane.calls.filter((call) => call.startsWith('GET /snapshot'));

describe('a gateway node', () => {
  it('registers before it gets a key, then reads a snapshot, acknowledges it and watches', async () => {
    node = await startTestGateway(plane);
    await plane.acknowledged(1);
    expect(plane.calls[0]).toMatch(/^PUT \/sessions\/[0-9a-f]{32}$/);
    expect(plane.reports[0]?.applied_revision).toBe(0);
    expect(plane.calls).toContain('GET /snapshot');
    expect(await signer('/orders')).toBe(orders.sign!.sign_key);
  });

  it('drops a deleted key without a look-up, and acknowledges the deletion', async () => {
    node = await startTestGateway(plane);
    const revision = plane.deleteSign(orders.sign!.sign_id);
    await plane.acknowledged(revision);
    expect([await signer('/orders'), await signer('/items'), snapshots()]).toEqual([403, items.sign!.sign_key, ['GET /snapshot']]);
  });

  it('fetches only what has changed: a binding by its publication, and a new secret by its key', async () => {
    node = await startTestGateway(plane);
    const other = sign();
    await plane.acknowledged(plane.bind(orders.publish_id, other));
    expect(await signer('/orders')).toBe(other.sign_key);
    const revision = plane.commit([{ kind: 'sign', id: other.sign_id, op: 'updated' }], () => {
      orders.sign = { ...other, sign_key: 'renamed_key', version: 2 };
    });
    await plane.acknowledged(revision);
    expect(await signer('/orders')).toBe('renamed_key');
    expect(snapshots().slice(1)).toEqual([`GET /snapshot?publish_ids=${orders.publish_id}`, `GET /snapshot?sign_ids=${other.sign_id}`]);
  });

  it('removes a deleted publication, and adds a new one', async () => {
    node = await startTestGateway(plane);
    const created = publication({ req_uri: '/new', sign: orders.sign });
    plane.commit([{ kind: 'publication', id: created.publish_id, op: 'created' }], () => plane.publications.push(created));
    const revision = plane.commit([{ kind: 'publication', id: items.publish_id, op: 'deleted' }], () => {
      plane.publications = plane.publications.filter((each) => each !== items);
    });
    await plane.acknowledged(revision);
    expect([await signer('/new'), await signer('/items')]).toEqual([orders.sign!.sign_key, 404]);
  });

  it('reads a whole snapshot for an unknown kind of change, but none for a kind without an effect', async () => {
    node = await startTestGateway(plane);
    await plane.acknowledged(plane.commit([{ kind: 'feature', id: 'x', op: 'updated' }]));
    expect(snapshots()).toHaveLength(1);
    await plane.acknowledged(plane.commit([{ kind: 'something_new', id: 'x', op: 'updated' }]));
    expect(snapshots()).toEqual(['GET /snapshot', 'GET /snapshot']);
  });

  it('reads a whole snapshot when a revision is missing, instead of waiting for it', async () => {
    node = await startTestGateway(plane);
    const key = sign();
    orders.sign = key;
    plane.revision += 5;
    await plane.acknowledged(plane.commit([{ kind: 'feature', id: 'x', op: 'updated' }]));
    expect(await signer('/orders')).toBe(key.sign_key);
  });

  it('reads a whole snapshot when the stream sends resync', async () => {
    node = await startTestGateway(plane);
    plane.publications = [items];
    plane.revision = 100;
    plane.emit('event: resync\ndata: {}\n\n');
    await plane.acknowledged(100);
    expect(await signer('/orders')).toBe(404);
  });

  it('reads a whole snapshot when heartbeats contain a revision that does not arrive', async () => {
    node = await startTestGateway(plane);
    plane.publications = [items];
    plane.revision = 7;
    for (let i = 0; i < 2; i++) plane.emit('event: heartbeat\ndata: {"revision":7}\n\n');
    await plane.acknowledged(7);
    expect(await signer('/orders')).toBe(404);
  });

  it('continues from its revision after a lost connection, and repeated changes have no effect', async () => {
    node = await startTestGateway(plane);
    plane.dropWatchers();
    const revision = plane.deleteSign(orders.sign!.sign_id);
    await plane.acknowledged(revision);
    expect([await signer('/orders'), snapshots()]).toEqual([403, ['GET /snapshot']]);
    plane.emit(`event: change\ndata: {"revision":2,"changes":[{"kind":"something_new","id":"x","op":"updated"}]}\n\n`);
    await plane.acknowledged(plane.deleteSign(items.sign!.sign_id));
    expect(snapshots()).toHaveLength(1);
  });

  it('drops a key that is deleted during the look-up of an earlier change, and does not restore it from the response', async () => {
    node = await startTestGateway(plane);
    const doomed = orders.sign!;
    let release = () => undefined as void;
    plane.holdSnapshots = new Promise((resolve) => (release = resolve));
    plane.commit([{ kind: 'sign', id: doomed.sign_id, op: 'updated' }]);
    await plane.until(() => snapshots().length === 2);
    const revision = plane.deleteSign(doomed.sign_id);
    while ((await signer('/orders')) !== 403) await new Promise(setImmediate);
    expect(plane.reports.at(-1)?.applied_revision).toBeLessThan(revision);
    release();
    await plane.acknowledged(revision);
    expect(await signer('/orders')).toBe(403);
  });

  it('continues to sign while the control plane is unavailable, and applies the missed changes afterwards', async () => {
    node = await startTestGateway(plane);
    const { port } = plane;
    await plane.stop();
    expect(await signer('/orders')).toBe(orders.sign!.sign_key);
    const second = await TestControlPlane.start(port);
    second.publications = [{ ...orders, sign: null }, items];
    second.revision = 9;
    second.commit([{ kind: 'feature', id: 'x', op: 'updated' }]);
    plane = second;
    await plane.acknowledged(10);
    expect(await signer('/orders')).toBe(403);
  });

  it('does not return to an older state because of a cached response or a lagging control plane', async () => {
    node = await startTestGateway(plane);
    await plane.acknowledged(plane.deleteSign(orders.sign!.sign_id));
    orders.sign = sign();
    plane.revision = 1;
    plane.emit('event: resync\ndata: {}\n\n');
    await plane.until(() => snapshots().length > 3);
    expect(await signer('/orders')).toBe(403);
    plane.revision = 2;
    const revision = plane.commit([{ kind: 'something_new', id: 'x', op: 'updated' }]);
    await plane.acknowledged(revision);
    expect(await signer('/orders')).toBe(orders.sign.sign_key);
  });

  it('drops its keys when the control plane rejects its credential, and gets them again when it is accepted', async () => {
    node = await startTestGateway(plane);
    plane.refuseWith = 401;
    plane.dropWatchers();
    while ((await signer('/orders')) !== 503) await new Promise(setImmediate);
    plane.refuseWith = undefined;
    await plane.until(() => node.unready === undefined);
    expect(await signer('/orders')).toBe(orders.sign!.sign_key);
  });

  it.each(['ended', 'mismatch'] as const)('drops its keys and begins a new session when its session is refused: %s', async (because) => {
    node = await startTestGateway(plane);
    await plane.acknowledged(1);
    const sessions = () => new Set(plane.calls.filter((call) => /^PUT \/sessions\/[0-9a-f]{32}$/.test(call)));
    expect(sessions().size).toBe(1);
    plane.refuseSession = because;
    plane.commit([{ kind: 'feature', id: 'x', op: 'updated' }]);
    while ((await signer('/orders')) !== 503) await new Promise(setImmediate);
    plane.refuseSession = undefined;
    await plane.until(() => node.unready === undefined);
    await plane.acknowledged(2);
    expect(sessions().size).toBeGreaterThan(1);
    expect(await signer('/orders')).toBe(orders.sign!.sign_key);
  });

  it.each(['unknown', 'epoch', 'ahead'] as const)(
    'continues to sign with its keys after the database is restored, and reports that it has them: %s',
    async (because) => {
      // The node sends three reports during each lease.
      plane.leaseSeconds = 3;
      node = await startTestGateway(plane);
      await plane.acknowledged(plane.commit([{ kind: 'feature', id: 'x', op: 'updated' }]));
      plane.revision = 1;
      plane.epoch = 'epoch2';
      plane.refuseSession = because;
      plane.dropWatchers();
      await plane.until(() => plane.registrations.at(-1)?.with_table === true);
      expect(await signer('/orders')).toBe(orders.sign!.sign_key);
      plane.refuseSession = undefined;
      await plane.until(() => plane.reports.at(-1)?.epoch === 'epoch2' && plane.reports.at(-1)?.applied_revision === 1);
      expect(await signer('/orders')).toBe(orders.sign!.sign_key);
    },
  );

  it('stops signing when its lease ends before the restored database is available', async () => {
    plane.leaseSeconds = 1;
    node = await startTestGateway(plane);
    await plane.acknowledged(1);
    plane.refuseWith = 503;
    while ((await signer('/orders')) !== 503) await new Promise((resolve) => setTimeout(resolve, 5));
    plane.epoch = 'epoch2';
    plane.refuseSession = 'unknown';
    plane.refuseWith = undefined;
    await plane.until(() => plane.registrations.length > 1);
    expect(plane.registrations.at(-1)?.with_table).toBe(false);
    plane.refuseSession = undefined;
    await plane.until(() => node.unready === undefined);
  });

  it('ends its session with a last report when it stops', async () => {
    node = await startTestGateway(plane);
    await plane.acknowledged(1);
    await node.close();
    expect(plane.reports.at(-1)).toMatchObject({ leaving: true });
  });

  const deleteGateway = () => {
    const revision = plane.commit([{ kind: 'instance', id: INSTANCE, op: 'deleted' }]);
    plane.deleted = true;
    plane.endWatchers();
    return revision;
  };
  const sessions = () => new Set(plane.calls.filter((call) => /^PUT \/sessions\/[0-9a-f]{32}$/.test(call))).size;

  it('drops its keys, acknowledges, ends its session and sends no more requests after its gateway is deleted', async () => {
    node = await startTestGateway(plane);
    const revision = deleteGateway();
    await plane.until(() => plane.reports.at(-1)?.leaving === true);
    expect(plane.reports.some((report) => !report.leaving && report.applied_revision === revision)).toBe(true);
    expect([await signer('/orders'), await signer('/items'), node.unready, sessions()]).toEqual([503, 503, 'gateway_deleted', 1]);
    const calls = plane.calls.length;
    await node.close();
    // The node sends no request after its last report, and sends that report once.
    expect(plane.calls.slice(calls)).toEqual([]);
  });

  it('that was disconnected when its gateway was deleted drops its keys and ends its session when it reconnects', async () => {
    node = await startTestGateway(plane);
    await plane.acknowledged(1);
    const { port } = plane;
    await plane.stop();
    expect(await signer('/orders')).toBe(orders.sign!.sign_key);
    const second = await TestControlPlane.start(port);
    second.deleted = true;
    second.revision = 2;
    plane = second;
    await plane.until(() => plane.reports.at(-1)?.leaving === true);
    expect([await signer('/orders'), node.unready, snapshots(), sessions()]).toEqual([503, 'gateway_deleted', [], 0]);
  });

  it('that starts after its gateway was deleted sends one request, and continues to run without keys', async () => {
    plane.deleted = true;
    node = await startTestGateway(plane, {}, false);
    await plane.until(() => sessions() > 0);
    while (node.unready !== 'gateway_deleted') await new Promise(setImmediate);
    await node.close();
    expect([sessions(), plane.reports]).toEqual([1, []]);
  });

  it('keeps its keys when the control plane fails', async () => {
    node = await startTestGateway(plane);
    plane.refuseWith = 503;
    const before = plane.calls.length;
    plane.dropWatchers();
    await plane.until(() => plane.calls.length > before + 2);
    expect(await signer('/orders')).toBe(orders.sign!.sign_key);
  });

  it('signs nothing before it is registered, and responds with Retry-After', async () => {
    plane.refuseWith = 503;
    node = await startTestGateway(plane, {}, false);
    const ready = await fetch(`http://127.0.0.1:${node.signPort}/readyz`);
    const asked = await fetch(`http://127.0.0.1:${node.signPort}/sign`, {
      headers: { 'x-original-method': 'GET', 'x-original-uri': '/orders', 'x-original-host': 'api.example' },
    });
    expect([ready.status, asked.status, asked.headers.get('retry-after'), snapshots()]).toEqual([503, 503, '1', []]);
    plane.refuseWith = undefined;
  });

  it('stops signing when its lease ends, and signs again after a report got a response', async () => {
    plane.leaseSeconds = 1;
    node = await startTestGateway(plane);
    expect(await signer('/orders')).toBe(orders.sign!.sign_key);
    const start = performance.now();
    plane.refuseWith = 503;
    while ((await signer('/orders')) !== 503) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(performance.now() - start).toBeLessThan(stretched(1500));
    expect((await (await fetch(`http://127.0.0.1:${node.signPort}/readyz`)).json()) as object).toMatchObject({ reason: 'lease_over' });
    // The report got a response. So the session has not ended, receipts have waited for it, and it may sign with its keys.
    const revision = plane.bind(orders.publish_id, sign({ sign_key: 'bound_meanwhile' }));
    plane.refuseWith = undefined;
    await plane.acknowledged(revision);
    expect(await signer('/orders')).toBe('bound_meanwhile');
    expect(plane.reports.at(-1)?.lease_seconds).toBe(1);
  });

  it('reports the number of signatures of each key once', async () => {
    plane.leaseSeconds = 1;
    node = await startTestGateway(plane);
    for (let i = 0; i < 3; i++) await signer('/orders');
    await signer('/items');
    const counts = () => plane.reports.flatMap(({ usage = [] }) => usage);
    await plane.until(() => counts().reduce((sum, { count }) => sum + count, 0) >= 4);
    const sum = (publishId: string) =>
      counts()
        .filter(({ publish_id }) => publish_id === publishId)
        .reduce((all, { count }) => all + count, 0);
    expect([sum(orders.publish_id), sum(items.publish_id)]).toEqual([3, 1]);
    expect(counts().every(({ last_signed_at }) => last_signed_at > 1_700_000_000_000)).toBe(true);
  });

  it('has metrics for its revision, its lag, its signatures and its refusals', async () => {
    node = await startTestGateway(plane);
    await signer('/orders');
    await signer('/nothing');
    plane.emit('event: heartbeat\ndata: {"revision":4}\n\n');
    const metrics = async () => (await fetch(`http://127.0.0.1:${node.signPort}/metrics`)).text();
    while (!(await metrics()).includes('signet_gateway_lag 3')) await new Promise(setImmediate);
    expect(await metrics()).toMatch(/signet_gateway_revision 1\n/);
    expect(await metrics()).toContain('signet_gateway_signed_total{face="sign"} 1');
    expect(await metrics()).toContain('signet_gateway_refused_total{face="sign",reason="api_unknown"} 1');
  });

  it('requests only its own gateway', async () => {
    node = await startTestGateway(plane, { SIGNET_INSTANCE_ID: 'another' }, false);
    await plane.until(() => plane.calls.length > 0);
    expect(plane.calls[0]).toMatch(/\/signet\/v1\/instances\/another\/sessions\/[0-9a-f]{32}$/);
  });

  it('acknowledges a deletion only after it has taken effect: of ten thousand requests, none that begins later is signed with the key', async () => {
    node = await startTestGateway(plane);
    const doomed = orders.sign!.sign_key;
    let acknowledgedAt = Number.POSITIVE_INFINITY;
    let signed = 0;
    const late: number[] = [];
    let left = 10_000;
    const prober = async () => {
      while (left-- > 0) {
        const beganAt = performance.now();
        const isSigned = (await signer('/orders')) === doomed;
        if (isSigned) signed++;
        if (isSigned && beganAt > acknowledgedAt) late.push(beganAt);
      }
    };
    const probers = Array.from({ length: 32 }, prober);
    await plane.until(() => node.appliedRevision === 1);
    while (signed < 500) await new Promise(setImmediate);
    await plane.acknowledged(plane.deleteSign(orders.sign!.sign_id));
    acknowledgedAt = performance.now();
    await Promise.all(probers);
    expect(late).toEqual([]);
    expect(signed).toBeGreaterThanOrEqual(500);
    expect(signed).toBeLessThan(10_000);
  });
});
