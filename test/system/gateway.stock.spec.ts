import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Gateway } from '../../src/gateway/gateway.js';
import { type DemoBackend, startDemoBackend } from '../../src/gateway/demo-backend.js';
import type { GatewayPublication, GatewaySign } from '../../src/lib/protocol/protocol.js';
import { publication, sign, TestControlPlane } from '../support/control-plane.js';
import { startTestGateway } from '../support/gateway.js';
import { type RawAnswer, raw } from '../support/raw-http.js';
import { binaryOf, STOCK, stockFolder, StockGateway } from '../support/stock-gateways.js';

const FORGED = {
  authorization: 'SDK-HMAC-SHA256 Access=x, SignedHeaders=host, Signature=00',
  'x-sdk-date': '20200101T000000Z',
  'x-sdk-content-sha256': 'UNSIGNED-PAYLOAD',
};
const ODD = [
  '//a//b',
  '/./a/./b',
  '/a%2Fb',
  '/a+b?c=d+e&c=d%2Be&+=+',
  '/%E8%AE%A2?n=%E4%B8%AD%F0%9F%98%80',
  "/!'()*?x=!'()*&x&=y",
  '/a/?b=&&a=1=2',
  '/%7Ea%2b?%7e=%2A',
];

describe.each(STOCK)('%s with the configuration that signet gen prints', (name) => {
  // CI installs them; a laptop without them runs the rest.
  const here = binaryOf(name) !== undefined || process.env['CI'] === 'true';
  const test = here ? it : it.skip;
  const signsBodies = name === 'haproxy';

  let plane: TestControlPlane;
  let node: Gateway;
  let gateway: StockGateway;
  let verifying: DemoBackend;
  const keys = new Map<string, GatewaySign>();
  const publish = (overrides: Partial<GatewayPublication>): GatewayPublication => {
    const made = publication(overrides);
    if (made.sign) keys.set(made.sign.sign_key, made.sign);
    plane.publications.push(made);
    return made;
  };
  const send = (method: string, path: string, options: Parameters<typeof raw>[3] = {}): Promise<RawAnswer> =>
    raw(gateway.port, method, path, options);

  beforeAll(async () => {
    if (!here) return;
    plane = await TestControlPlane.start();
    publish({ sign: sign() });
    publish({ req_uri: '/unbound', match_mode: 'NORMAL' });
    publish({ req_uri: '/items/{id}/parts', match_mode: 'NORMAL', req_method: 'GET', sign: sign() });
    verifying = await startDemoBackend(0, (id) => {
      const key = keys.get(id);
      return key && { signType: 'hmac', signKey: key.sign_key, signSecret: key.sign_secret };
    });
    const { folder, socket } = stockFolder(name);
    const agent = { SIGNET_GATEWAY_HAPROXY_SOCKET: socket, SIGNET_GATEWAY_HAPROXY_MAPS: folder, SIGNET_GATEWAY_HAPROXY_DRAIN_MS: '0' };
    node = await startTestGateway(plane, name === 'haproxy' ? agent : {}, name !== 'haproxy');
    const upstream = `http://127.0.0.1:${verifying.port}`;
    gateway = await StockGateway.start(name, { folder, socket, signer: `http://127.0.0.1:${node.signPort}`, upstream });
    await plane.acknowledged(plane.revision);
  });
  afterAll(async () => {
    if (!here) return;
    await gateway.stop();
    await node.close();
    await verifying.close();
    await plane.stop();
  });

  test('signs a GET, in place of what the client forged', async () => {
    const signed = { status: 200, body: { ok: true, bodySigned: true } };
    expect(await send('GET', '/orders?b=2&a=1')).toMatchObject(signed);
    expect(await send('GET', '/orders?b=2&a=1', { headers: FORGED })).toMatchObject(signed);
    expect(await send('HEAD', '/orders', { headers: FORGED })).toMatchObject({ status: 200 });
  });

  test(
    signsBodies ? 'signs the body of a POST, and says so where it does not fit' : 'signs a POST without its body, and says so',
    async () => {
      const small = await send('POST', '/orders', { body: '{"a":"中"}', headers: FORGED });
      expect(small).toMatchObject({ status: 200, body: { ok: true, bodySigned: signsBodies, request: { body_bytes: 11 } } });
      const large = randomBytes(3 * 1024 * 1024);
      for (const options of [{}, { chunked: true }, { headers: { expect: '100-continue' } }])
        expect(await send('POST', '/orders', { body: large, ...options })).toMatchObject({
          status: 200,
          body: { ok: true, bodySigned: false, request: { body_bytes: large.length } },
        });
      // Only the announced length tells that there is no body.
      expect(await send('POST', '/orders', { body: '' })).toMatchObject({ status: 200, body: { ok: true, bodySigned: name !== 'caddy' } });
    },
  );

  test.each(ODD)('signs %s as it is sent', async (path) => {
    const answer = await send('GET', path);
    expect(answer).toMatchObject({ status: 200, body: { ok: true } });
    expect(answer.body.request.url).toBe(path);
  });

  test('does not let a client speak for the gateway', async () => {
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

  test('tells APIs apart by template and environment, and answers in the words of the contract', async () => {
    expect(await send('GET', '/items/7/parts?x=1')).toMatchObject({ status: 200, body: { ok: true } });
    expect(await send('GET', '/unbound')).toMatchObject({ status: 403, body: { error_code: 'APIG.0705' } });
    expect(await send('GET', '/orders', { headers: { 'x-stage': 'TEST' } })).toMatchObject({
      status: 404,
      body: { error_code: 'APIG.0101', error_msg: 'The API does not exist or has not been published in the environment.' },
    });
  });

  test('follows a new key, and none that began after the acknowledgement of its deletion is signed with it', async () => {
    const api = publish({ req_uri: '/doomed', match_mode: 'NORMAL', sign: sign() });
    const doomed = api.sign!.sign_id;
    await plane.acknowledged(plane.commit([{ kind: 'publication', id: api.publish_id, op: 'created' }]));
    expect((await send('GET', '/doomed')).status).toBe(200);
    let acknowledgedAt = Number.POSITIVE_INFINITY;
    const late: RawAnswer[] = [];
    const statuses = new Set<number>();
    let left = 1000;
    const prober = async () => {
      while (left-- > 0) {
        const beganAt = performance.now();
        const answer = await send('GET', '/doomed');
        statuses.add(answer.status);
        if (beganAt > acknowledgedAt && answer.status !== 403) late.push(answer);
      }
    };
    const probers = Array.from({ length: 8 }, prober);
    while (left > 700) await new Promise(setImmediate);
    await plane.acknowledged(plane.deleteSign(doomed));
    acknowledgedAt = performance.now();
    await Promise.all(probers);
    expect(late).toEqual([]);
    expect([...statuses].sort()).toEqual([200, 403]);
    expect(await send('GET', '/doomed')).toMatchObject({ status: 403, body: { error_code: 'APIG.0705' } });
    await plane.acknowledged(plane.bind(api.publish_id, keysWith(sign())));
    expect(await send('GET', '/doomed')).toMatchObject({ status: 200, body: { ok: true } });
  });
  const keysWith = (key: GatewaySign) => {
    keys.set(key.sign_key, key);
    return key;
  };

  if (name === 'haproxy')
    test('a reloaded HAProxy gets its keys anew, and until then signs nothing', async () => {
      await gateway.restart();
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
    test('nothing is acknowledged while HAProxy cannot be reached', async () => {
      const api = publish({ req_uri: '/late', match_mode: 'NORMAL', sign: sign() });
      await plane.acknowledged(plane.commit([{ kind: 'publication', id: api.publish_id, op: 'created' }]));
      await gateway.pause();
      const revision = plane.deleteSign(api.sign!.sign_id);
      const before = plane.calls.length;
      await plane.until(() => plane.calls.length > before + 1);
      expect(plane.reports.at(-1)?.applied_revision).toBeLessThan(revision);
      await gateway.resume();
      await plane.acknowledged(revision);
      expect((await send('GET', '/late')).status).toBe(403);
    });

  test('answers 503 while nothing may be signed', async () => {
    plane.refuseWith = 401;
    plane.dropWatchers();
    let answer = await send('GET', '/orders');
    while (answer.status === 200) answer = await send('GET', '/orders');
    expect(answer).toMatchObject({ status: 503, body: { error_code: 'APIG.0705' }, headers: { 'retry-after': '1' } });
    plane.refuseWith = undefined;
    await plane.until(() => node.unready === undefined);
    expect((await send('GET', '/orders')).status).toBe(200);
  });
});
