import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readGatewayConfig } from '../../src/platform/config/gateway-config.js';
import { type Gateway, startGateway } from '../../src/gateway/gateway.js';
import { type DemoBackend, startDemoBackend } from '../../src/gateway/backend/demo-backend.js';
import { pino } from 'pino';
import type { GatewayPublication, GatewaySign } from '../../src/lib/protocol/protocol.js';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';
import { publication, sign, TestControlPlane } from '../support/control-plane.js';
import { gatewayEnv, startTestGateway } from '../support/gateway.js';
import { GatewayTable } from '../support/gateway-table.js';
import { Machine } from '../support/machine.js';
import { type RawAnswer, raw } from '../support/raw-http.js';
import { REPLAYED, type Replayed, ReplayedGateway } from '../support/replayed-gateways.js';
import { type Client, TestService } from '../support/service.js';
import { binaryOf, STOCK, type Stock, stockFolder, StockGateway } from '../support/stock-gateways.js';

const FRONTS = ['signing proxy', ...STOCK, ...REPLAYED] as const;
type Front = (typeof FRONTS)[number];
const isStock = (name: Front): name is Stock => (STOCK as readonly Front[]).includes(name);
const isReplayed = (name: Front): name is Replayed => (REPLAYED as readonly Front[]).includes(name);

/** Whether these bodies are signed: 11 bytes, 3 MB with a length, 3 MB in chunks, and an empty body with a length. */
const SIGNED: Record<Front, readonly (boolean | 413)[]> = {
  'signing proxy': [true, true, true, true],
  nginx: [false, false, false, true],
  haproxy: [true, false, false, true],
  caddy: [false, false, false, false],
  envoy: [true, 413, 413, true],
  traefik: [true, true, true, false],
  apisix: [true, true, true, false],
};

const COLUMNS = ['shown by', 'GET', 'POST: body signed', 'forged headers', 'odd paths', 'signed after the receipt'] as const;
const table = new GatewayTable(FRONTS, COLUMNS);
const PROBES = 1000;
/** Requests that begin after the receipt, at least. */
const LATE = 100;

const FORGED = {
  authorization: 'SDK-HMAC-SHA256 Access=x, SignedHeaders=host, Signature=00',
  'x-sdk-date': '20200101T000000Z',
  'x-sdk-content-sha256': 'UNSIGNED-PAYLOAD',
};
const ODD = [
  '//a//b',
  '/.a/a..b',
  '/a%20b/%3Fc',
  '/a+b?c=d+e&c=d%2Be&+=+',
  '/%E8%AE%A2?n=%E4%B8%AD%F0%9F%98%80',
  "/!'()*?x=!'()*&x&=y",
  '/a/?b=&&a=1=2',
  '/%7Ea%2b?%7e=%2A',
];

const keys = new Map<string, GatewaySign>();
let verifying: DemoBackend;
let upstream: string;
let database: TestDatabase;
let service: TestService;
let client: Client;
beforeAll(async () => {
  // It still accepts deleted keys, so that every signature with one is seen.
  verifying = await startDemoBackend(0, (id) => {
    const key = keys.get(id);
    return key && { signType: 'hmac', signKey: key.sign_key, signSecret: key.sign_secret };
  });
  upstream = `http://127.0.0.1:${verifying.port}`;
  database = await createTestDatabase('sqlite');
  service = await TestService.start(database, { SIGNET_LIMITS: 'instances=20' });
  client = await service.client();
});
afterAll(async () => {
  await service.stop();
  await database.drop();
  await verifying.close();
});

interface Running {
  node: Gateway;
  port: number;
  stock: StockGateway | undefined;
  stop(): Promise<void>;
}

/** A gateway and its node. @param follow starts a node with the variables for this gateway */
async function startFront(name: Front, follow: (env: Record<string, string>) => Promise<Gateway>): Promise<Running> {
  if (name === 'signing proxy') {
    const node = await follow({ SIGNET_GATEWAY_UPSTREAM: upstream });
    return { node, port: node.proxyPort!, stock: undefined, stop: () => node.close() };
  }
  const { folder, socket, master } = isStock(name) ? stockFolder(name) : { folder: '', socket: '', master: '' };
  const agent = {
    SIGNET_GATEWAY_HAPROXY: `socket=${socket},master=${master},maps=${folder}`,
  };
  const node = await follow(name === 'haproxy' ? agent : {});
  const signer = `http://127.0.0.1:${node.signPort}`;
  const front = isReplayed(name)
    ? await ReplayedGateway.start(name, { signer, upstream })
    : await StockGateway.start(name, { folder, socket, master, signer, upstream });
  return {
    node,
    port: front.port,
    stock: front instanceof StockGateway ? front : undefined,
    stop: async () => {
      await front.stop();
      await node.close();
    },
  };
}

/**
 * Sends requests during a deletion. @param gone deletes, and resolves when the key no longer signs @returns the results of the requests
 * that began after that, and of all
 */
async function around(port: number, path: string, gone: () => Promise<unknown>): Promise<{ late: number[]; statuses: number[] }> {
  let goneAt = Number.POSITIVE_INFINITY;
  const [late, statuses]: [number[], Set<number>] = [[], new Set()];
  let left = PROBES;
  const prober = async () => {
    // Until some have begun after the deletion, however long that takes.
    while (left-- > 0 || late.length < LATE) {
      const beganAt = performance.now();
      const { status } = await raw(port, 'GET', path);
      statuses.add(status);
      if (beganAt > goneAt) late.push(status);
    }
  };
  const probers = Array.from({ length: 8 }, prober);
  while (left > 0.7 * PROBES) await new Promise(setImmediate);
  await gone();
  goneAt = performance.now();
  await Promise.all(probers);
  return { late, statuses: [...statuses].sort() };
}

describe.each(FRONTS)('%s with the configuration that signet gen prints', (name) => {
  // CI installs them; without them, the other tests run.
  const here = !isStock(name) || binaryOf(name) !== undefined || process.env['CI'] === 'true';
  const test = here ? it : it.skip;

  let plane: TestControlPlane;
  let front: Running;
  const publish = (overrides: Partial<GatewayPublication>): GatewayPublication => {
    const made = publication(overrides);
    if (made.sign) keys.set(made.sign.sign_key, made.sign);
    plane.publications.push(made);
    return made;
  };
  const send = (method: string, path: string, options: Parameters<typeof raw>[3] = {}): Promise<RawAnswer> =>
    raw(front.port, method, path, options);

  beforeAll(async () => {
    if (!here) return;
    plane = await TestControlPlane.start();
    publish({ sign: sign() });
    publish({ req_uri: '/unbound', match_mode: 'NORMAL' });
    publish({ req_uri: '/items/{id}/parts', match_mode: 'NORMAL', req_method: 'GET', sign: sign() });
    // HAProxy has not started yet, so the agent acknowledges nothing.
    front = await startFront(name, (env) => startTestGateway(plane, env, name !== 'haproxy'));
    await plane.acknowledged(plane.revision);
    table.seen(name, 'shown by', isReplayed(name) ? 'golden file, requests replayed' : 'run');
  });
  afterAll(async () => {
    if (!here) return;
    await front.stop();
    await plane.stop();
  });

  test('signs a GET, and replaces forged headers', async () => {
    const signed = { status: 200, body: { ok: true, bodySigned: true } };
    expect(await send('GET', '/orders?b=2&a=1')).toMatchObject(signed);
    expect(await send('GET', '/orders?b=2&a=1', { headers: FORGED })).toMatchObject(signed);
    expect(await send('HEAD', '/orders', { headers: FORGED })).toMatchObject({ status: 200 });
    table.seen(name, 'GET', '✔');
    table.seen(name, 'forged headers', isReplayed(name) ? 'overwritten (its documentation)' : 'overwritten');
  });

  const [small, large, chunked, empty] = SIGNED[name];
  test('signs as much of a POST as it can, and declares what is unsigned', async () => {
    const bytes = randomBytes(3 * 1024 * 1024);
    const says = (signed: boolean | 413 | undefined, body_bytes: number) =>
      signed === 413 ? { status: 413 } : { status: 200, body: { ok: true, bodySigned: signed, request: { body_bytes } } };
    expect(await send('POST', '/orders', { body: '{"a":"中"}', headers: FORGED })).toMatchObject(says(small, 11));
    expect(await send('POST', '/orders', { body: bytes })).toMatchObject(says(large, bytes.length));
    expect(await send('POST', '/orders', { body: bytes, headers: { expect: '100-continue' } })).toMatchObject(says(large, bytes.length));
    expect(await send('POST', '/orders', { body: bytes, chunked: true })).toMatchObject(says(chunked, bytes.length));
    // The gateway sees only by the Content-Length that there is no body.
    expect(await send('POST', '/orders', { body: '' })).toMatchObject(says(empty, 0));
    const cell = (signed: boolean | 413 | undefined) => (signed === true ? '✔' : signed === false ? '–' : 'refused');
    table.seen(name, 'POST: body signed', `11 B ${cell(small)}, 3 MB ${cell(large)}, chunked ${cell(chunked)}`);
  });

  let odd = 0;
  test.each(ODD)('signs %s as it is sent', async (path) => {
    const answer = await send('GET', path);
    expect(answer).toMatchObject({ status: 200, body: { ok: true } });
    expect(answer.body.request.url).toBe(path);
    odd++;
    table.seen(name, 'odd paths', `${odd} of ${ODD.length}`);
  });

  test('does not forward headers with which a client could impersonate the gateway', async () => {
    const elsewhere = {
      'x-original-method': 'GET',
      'x-original-uri': '/elsewhere',
      'x-original-host': 'elsewhere',
      'x-forwarded-method': 'GET',
      'x-forwarded-uri': '/elsewhere',
    };
    expect(await send('POST', '/orders', { body: 'x', headers: { ...elsewhere, 'x-sdk-date': 'x' } })).toMatchObject({
      status: 200,
      body: { ok: true },
    });
  });

  test('selects the API by template and environment, and answers errors with the contract’s messages', async () => {
    expect(await send('GET', '/items/7/parts?x=1')).toMatchObject({ status: 200, body: { ok: true } });
    expect(await send('GET', '/unbound')).toMatchObject({ status: 403, body: { error_code: 'APIG.0705' } });
    expect(await send('GET', '/orders', { headers: { 'x-stage': 'TEST' } })).toMatchObject({
      status: 404,
      body: { error_code: 'APIG.0101', error_msg: 'The API does not exist or has not been published in the environment.' },
    });
  });

  test('signs with a new key, and signs no request that begins after it has acknowledged the key’s deletion', async () => {
    const api = publish({ req_uri: '/doomed', match_mode: 'NORMAL', sign: sign() });
    const doomed = api.sign!.sign_id;
    await plane.acknowledged(plane.commit([{ kind: 'publication', id: api.publish_id, op: 'created' }]));
    expect((await send('GET', '/doomed')).status).toBe(200);
    const { late, statuses } = await around(front.port, '/doomed', () => plane.acknowledged(plane.deleteSign(doomed)));
    expect(late.filter((status) => status !== 403)).toEqual([]);
    expect(statuses).toEqual([200, 403]);
    expect(await send('GET', '/doomed')).toMatchObject({ status: 403, body: { error_code: 'APIG.0705' } });
    await plane.acknowledged(plane.bind(api.publish_id, keysWith(sign())));
    expect(await send('GET', '/doomed')).toMatchObject({ status: 200, body: { ok: true } });
  });
  const keysWith = (key: GatewaySign) => {
    keys.set(key.sign_key, key);
    return key;
  };

  test('signs no request with a deleted key that begins after the receipt is complete', async () => {
    const instance = await client.gateway();
    const { token } = await Machine.of(client, instance);
    const at = (path: string) => `/v2/{project}/apigw/instances/${instance}${path}`;
    const { apiId, publishIds } = await client.publishedApi(instance);
    const path = (await client.get(at(`/apis/${apiId}`))).body.req_uri as string;
    const { body: key } = await client.post(at('/signs'), { name: 'doomed', sign_type: 'hmac' });
    keys.set(key.sign_key as string, key as GatewaySign);
    const own = { SIGNET_CONTROL_PLANE_URL: service.baseUrl, SIGNET_GATEWAY_TOKEN: token, SIGNET_INSTANCE_ID: instance };
    const real = await startFront(name, (env) =>
      startGateway(readGatewayConfig(gatewayEnv(plane, { ...own, ...env })), pino({ level: 'silent' })),
    );
    try {
      // The receipt waits for the node only after it has registered.
      while ((await client.get(`/signet/v1/instances/${instance}/sessions`)).body.total === 0) await new Promise(setImmediate);
      expect((await client.post(at('/sign-bindings'), { sign_id: key.id, publish_ids: publishIds })).status).toBe(201);
      while ((await raw(real.port, 'GET', path)).status !== 200) await new Promise((resolve) => setTimeout(resolve, 5));
      const { late, statuses } = await around(real.port, path, async () => {
        const gone = await client.call('DELETE', at(`/signs/${key.id}`), undefined, { prefer: 'wait=30' });
        const { body: receipt } = await client.get(gone.headers.get('signet-receipt')!);
        expect(receipt).toMatchObject({ complete: true, sessions: [{ state: 'acknowledged' }] });
      });
      expect(late.length).toBeGreaterThanOrEqual(LATE);
      const signed = late.filter((status) => status !== 403);
      expect(signed).toEqual([]);
      expect(statuses).toEqual([200, 403]);
      table.seen(name, 'signed after the receipt', String(signed.length));
    } finally {
      await real.stop();
    }
  });

  if (name === 'haproxy')
    test('is reported to have signed exactly what HAProxy has signed, by API and key', async () => {
      const api = publish({ req_uri: '/counted', match_mode: 'NORMAL', sign: sign() });
      await plane.acknowledged(plane.commit([{ kind: 'publication', id: api.publish_id, op: 'created' }]));
      const before = Date.now();
      for (let i = 0; i < 7; i++) expect((await send('GET', '/counted', { headers: FORGED })).status).toBe(200);
      for (let i = 0; i < 3; i++) expect((await send('GET', '/unbound')).status).toBe(403);
      const reported = () => plane.reports.flatMap(({ usage = [] }) => usage).filter(({ publish_id }) => publish_id === api.publish_id);
      const sum = () => reported().reduce((total, { count }) => total + count, 0);
      await plane.until(() => sum() >= 7);
      expect(sum()).toBe(7);
      expect(new Set(reported().map(({ sign_id }) => sign_id))).toEqual(new Set([api.sign!.sign_id]));
      expect(Math.max(...reported().map(({ last_signed_at }) => last_signed_at))).toBeGreaterThanOrEqual(before);
      const unbound = plane.publications.find(({ req_uri }) => req_uri === '/unbound')!.publish_id;
      expect(plane.reports.flatMap(({ usage = [] }) => usage).filter(({ publish_id }) => publish_id === unbound)).toEqual([]);
    });

  if (name === 'haproxy')
    test('gets its keys again after a reload, and signs nothing until then', async () => {
      await front.stock!.restart();
      const statuses = new Set<number>();
      let answer = await send('GET', '/orders');
      while (answer.status !== 200) {
        statuses.add(answer.status);
        answer = await send('GET', '/orders');
      }
      expect(answer).toMatchObject({ body: { ok: true } });
      expect([...statuses].filter((status) => status !== 503 && status !== 404 && status !== 403)).toEqual([]);
    });

  if (name === 'haproxy')
    test('has an agent that acknowledges nothing while HAProxy cannot be reached', async () => {
      const api = publish({ req_uri: '/late', match_mode: 'NORMAL', sign: sign() });
      await plane.acknowledged(plane.commit([{ kind: 'publication', id: api.publish_id, op: 'created' }]));
      await front.stock!.pause();
      const revision = plane.deleteSign(api.sign!.sign_id);
      const before = plane.calls.length;
      await plane.until(() => plane.calls.length > before + 1);
      expect(plane.reports.at(-1)?.applied_revision).toBeLessThan(revision);
      await front.stock!.resume();
      await plane.acknowledged(revision);
      expect((await send('GET', '/late')).status).toBe(403);
    });

  test('answers 503 while it may not sign', async () => {
    plane.refuseWith = 401;
    plane.dropWatchers();
    let answer = await send('GET', '/orders');
    while (answer.status === 200) answer = await send('GET', '/orders');
    expect(answer).toMatchObject({ status: 503, body: { error_code: 'APIG.0705' }, headers: { 'retry-after': '1' } });
    plane.refuseWith = undefined;
    await plane.until(() => front.node.unready === undefined);
    expect((await send('GET', '/orders')).status).toBe(200);
  });
});

const everything = STOCK.every((name) => binaryOf(name) !== undefined) || process.env['CI'] === 'true';
(everything ? it : it.skip)('the table in the README has the results of this run (npm run gateways writes it)', () => {
  if (process.env['UPDATE_GOLDEN'] === '1') table.write();
  expect(table.written).toBe(table.markdown);
});
