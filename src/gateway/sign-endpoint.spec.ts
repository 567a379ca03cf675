import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { publication, sign, TestControlPlane } from '../../test/support/control-plane.js';
import { startTestGateway } from '../../test/support/gateway.js';
import { until } from '../../test/support/until.js';
import { raw } from '../../test/support/raw-http.js';
import { verifySignature } from '#signing/verify.js';
import type { Gateway } from './gateway.js';

const key = sign();
const basic = sign({ sign_type: 'basic' });
const broken = sign({ sign_type: 'public_key', sign_key: 'bm8ga2V5', sign_secret: 'bm8gc2VjcmV0' });
let plane: TestControlPlane;
let node: Gateway;
let lenient: Gateway;

beforeAll(async () => {
  plane = await TestControlPlane.start();
  plane.publications = [
    publication({ req_uri: '/orders', sign: key }),
    publication({ req_uri: '/basic', sign: basic }),
    publication({ req_uri: '/broken', sign: broken }),
    publication({ req_uri: '/unbound' }),
  ];
  node = await startTestGateway(plane, { SIGNET_GATEWAY_LIMITS: 'body=1000', SIGNET_GATEWAY_SIGN_HOSTS: 'signer.internal' });
  lenient = await startTestGateway(plane, {
    SIGNET_GATEWAY_RULES: 'unbound=unsigned,large-body=unsigned-payload',
    SIGNET_GATEWAY_LIMITS: 'body=1000',
    SIGNET_NODE_ID: 'node2',
  });
});
afterAll(async () => {
  await Promise.all([node.close(), lenient.close()]);
  await plane.stop();
});

type Options = Parameters<typeof raw>[3];
const ask = (method: string, path: string, options?: Options, of: Gateway = node) => raw(of.signPort, method, path, options);

/** The backend's verdict on a request with the headers of a response. */
function verdict(headers: Record<string, unknown>, request: { method: string; url: string; host: string; body?: string }) {
  return verifySignature(
    {
      method: request.method,
      url: request.url,
      headers: { ...headers, host: request.host },
      body: request.body ?? '',
    },
    { keys: [{ signType: 'hmac', signKey: key.sign_key, signSecret: key.sign_secret }], allowUnsignedPayload: true },
  );
}
const original = (method: string, uri: string, more: Record<string, string> = {}) => ({
  headers: { 'x-original-method': method, 'x-original-uri': uri, 'x-original-host': 'api.example:8443', ...more },
});
const forwarded = (method: string, uri: string, more: Record<string, string> = {}) => ({
  headers: { 'x-forwarded-method': method, 'x-forwarded-uri': uri, 'x-forwarded-host': 'api.example:8443', ...more },
});

describe('/sign', () => {
  it.each([
    ["nginx's auth_request", original],
    ["Caddy's forward_auth", forwarded],
  ])('signs for %s', async (_, dialect) => {
    const { status, headers } = await ask('GET', '/sign', dialect('GET', '/orders/1?b=1&a=2'));
    expect(status).toBe(200);
    expect(verdict(headers, { method: 'GET', url: '/orders/1?b=1&a=2', host: 'api.example:8443' })).toMatchObject({
      ok: true,
      bodySigned: true,
    });
  });

  it('uses UNSIGNED-PAYLOAD for a request whose body it does not receive', async () => {
    for (const [options, bodySigned] of [
      [original('POST', '/orders', { 'x-original-content-length': '5' }), false],
      [original('POST', '/orders'), false],
      [original('POST', '/orders', { 'x-original-content-length': '0' }), true],
      [original('GET', '/orders', { 'x-original-content-length': '5' }), false],
      [original('GET', '/orders', { 'x-original-transfer-encoding': 'chunked' }), false],
      [forwarded('POST', '/orders'), false],
      [forwarded('DELETE', '/orders'), true],
    ] as const) {
      const { headers } = await ask('GET', '/sign', options);
      expect([headers['x-sdk-content-sha256'] !== 'UNSIGNED-PAYLOAD', options]).toEqual([bodySigned, options]);
    }
  });

  it('signs the body that Traefik or APISIX includes in its request', async () => {
    for (const chunked of [false, true]) {
      const { headers } = await ask('POST', '/sign', { ...forwarded('PUT', '/orders'), body: '{"a":1}', chunked });
      expect(verdict(headers, { method: 'PUT', url: '/orders', host: 'api.example:8443', body: '{"a":1}' })).toMatchObject({
        ok: true,
        bodySigned: true,
      });
    }
  });

  it('refuses a larger body, or uses UNSIGNED-PAYLOAD if the operator has configured that', async () => {
    const options = { ...forwarded('PUT', '/orders'), body: 'x'.repeat(1001), chunked: true };
    expect(await ask('POST', '/sign', options)).toMatchObject({ status: 413, body: { error_code: 'APIG.0201' } });
    expect((await ask('POST', '/sign', options, lenient)).headers).toMatchObject({ 'x-sdk-content-sha256': 'UNSIGNED-PAYLOAD' });
  });

  it('refuses a request with the headers of two kinds of proxies or of none', async () => {
    const both = { headers: { ...original('GET', '/orders').headers, ...forwarded('GET', '/orders').headers } };
    for (const options of [
      both,
      {},
      original('GET', 'orders'),
      original('GET', '/orders', { 'x-original-host': 'a b' }),
      original('GET', '/orders', { 'x-original-host': 'a@b/x?y' }),
      original('GET', '/orders', { 'x-original-transfer-encoding': 'gzip, chunked' }),
      original('GET', '/orders', { 'x-stage': 'RELEASE, TEST' }),
      original('GET', '/orders', { 'x-stage': 'RELEASE|GET|/orders' }),
      original('GET', '/orders/../admin'),
      original('GET', '/orders#'),
      forwarded('GET', '/orders?a=1#b'),
      original('GET', '/orders\tx'),
      original('GET', '/basic#'),
      forwarded('GET', '/orders?a= b'),
      { headers: { 'x-original-method': 'GET', 'x-original-uri': '/orders' } },
    ])
      expect(await ask('GET', '/sign', options)).toMatchObject({ status: 400, body: { error_code: 'APIG.0201' } });
  });

  it.each(['post', 'Get', 'TRACE', 'ANY', 'PROPFIND', ''])('answers 405 to the method %j before it looks up an API', async (method) => {
    const refused = { status: 405, body: { error_code: 'APIG.0201', error_msg: 'Method not allowed.' } };
    for (const dialect of [original, forwarded]) {
      const answer = await ask('GET', '/sign', dialect(method, '/orders'));
      expect(answer).toMatchObject(refused);
      expect(answer.headers.allow).toBe('GET, POST, DELETE, PUT, PATCH, HEAD, OPTIONS');
    }
  });

  it('trusts headers about the body only if the configuration says so', async () => {
    for (const name of ['x-original-content-length', 'x-original-transfer-encoding', 'x-envoy-auth-partial-body']) {
      const { status, headers } = await ask('GET', '/sign', forwarded('GET', '/orders', { [name]: 'chunked' }));
      expect([status, headers['x-sdk-content-sha256']]).toEqual([200, undefined]);
    }
  });

  it('refuses an encoded slash unless the gateway’s setting treats it as data', async () => {
    const answer = () => ask('GET', '/sign', original('GET', '/orders/a%2Fb'));
    const set = async (encodedSlashes: 'refuse' | 'pass') => {
      const revision = plane.commit([{ kind: 'settings', id: 'i', op: 'updated' }], () => {
        plane.encodedSlashes = encodedSlashes;
      });
      await until(() => node.appliedRevision >= revision);
    };
    expect((await answer()).status).toBe(400);
    await set('pass');
    const { status, headers } = await answer();
    expect(status).toBe(200);
    expect(verdict(headers, { method: 'GET', url: '/orders/a%2Fb', host: 'api.example:8443' })).toMatchObject({ ok: true });
    for (const path of ['/orders/%2e%2e', '/orders/a%5Cb', '/orders/..%2Fb'])
      expect(await ask('GET', '/sign', original('GET', path))).toMatchObject({ status: 400 });
    await set('refuse');
    expect((await answer()).status).toBe(400);
  });

  it('reads the environment from X-Stage', async () => {
    expect(await ask('GET', '/sign', original('GET', '/orders', { 'x-stage': 'TEST' }))).toMatchObject({ status: 404 });
  });

  it('repeats the code and the message in headers, because nginx drops the body', async () => {
    const { status, headers, body } = await ask('GET', '/sign', original('GET', '/unknown'));
    const message = 'The API does not exist or has not been published in the environment.';
    expect([status, body]).toEqual([404, { error_code: 'APIG.0101', error_msg: message }]);
    expect(headers).toMatchObject({ 'signet-error-code': 'APIG.0101', 'signet-error-message': message });
  });

  it('answers 403 for an API without a key, or marks the request as unsigned if the operator has configured that', async () => {
    expect(await ask('GET', '/sign', original('GET', '/unbound'))).toMatchObject({ status: 403, body: { error_code: 'APIG.0705' } });
    const marked = { status: 200, headers: { authorization: 'unsigned', 'x-sdk-date': 'unsigned', 'x-sdk-content-sha256': 'unsigned' } };
    expect(await ask('GET', '/sign', original('GET', '/unbound'), lenient)).toMatchObject(marked);
  });

  it('sets the date but no hash for a basic key', async () => {
    const { headers } = await ask('GET', '/sign', original('GET', '/basic'));
    expect(headers).toMatchObject({
      authorization: `Basic ${Buffer.from(`${basic.sign_key}:${basic.sign_secret}`).toString('base64')}`,
      'x-sdk-date': expect.stringMatching(/^\d{8}T\d{6}Z$/),
    });
    expect(headers['x-sdk-content-sha256']).toBeUndefined();
  });

  it('answers 500 when the key cannot sign', async () => {
    const failed = { status: 500, body: { error_code: 'APIG.0705', error_msg: 'Backend signature calculation failed.' } };
    expect(await ask('GET', '/sign', original('GET', '/broken'))).toMatchObject(failed);
  });
});

describe('/envoy', () => {
  it('signs the method and the path that Envoy sends below the prefix, with the body', async () => {
    for (const body of ['', '{"a":1}']) {
      const { headers } = await ask('POST', '/envoy/orders?x=1', { body, headers: { host: 'api.example' } });
      expect(verdict(headers, { method: 'POST', url: '/orders?x=1', host: 'api.example', body })).toMatchObject({
        ok: true,
        bodySigned: true,
      });
    }
  });

  it('does not treat a part of a body as the whole body', async () => {
    const partial = { body: 'x', headers: { 'x-envoy-auth-partial-body': 'true' } };
    expect(await ask('POST', '/envoy/orders', partial)).toMatchObject({ status: 413 });
    expect((await ask('POST', '/envoy/orders', partial, lenient)).headers).toMatchObject({ 'x-sdk-content-sha256': 'UNSIGNED-PAYLOAD' });
  });
});

describe('POST /v1/sign', () => {
  const JSON_HEADERS = { host: '127.0.0.1:8711', 'content-type': 'application/json' };
  const post = (body: unknown, headers: Record<string, string> = JSON_HEADERS) =>
    ask('POST', '/v1/sign', { body: JSON.stringify(body), headers });

  it('returns the headers for a request that the caller will send', async () => {
    const body_sha256 = createHash('sha256').update('{}').digest('hex');
    const answer = await post({ method: 'PATCH', url: '/orders/1', host: 'api.example', body_sha256 });
    expect(answer.status).toBe(200);
    expect(answer.headers['cache-control']).toBe('no-store');
    const request = { method: 'PATCH', url: '/orders/1', host: 'api.example', body: '{}' };
    expect(verdict(answer.body.headers, request)).toMatchObject({ ok: true, bodySigned: true });
    expect(verdict(answer.headers, request)).toMatchObject({ ok: true });
  });

  it('cannot be used by web pages, because it accepts only JSON, and only at an address, localhost or a configured name', async () => {
    const question = { method: 'GET', url: '/orders', host: 'api.example' };
    const json = { 'content-type': 'application/json' };
    for (const host of ['127.0.0.1', '127.0.0.1:8711', '[::1]:8711', 'localhost:8711', 'LOCALHOST'])
      expect(await post(question, { ...json, host })).toMatchObject({ status: 200 });
    for (const host of ['attacker.example', 'attacker.example:8711', 'localhost.attacker.example', '127.0.0.1.attacker.example'])
      expect([host, (await post(question, { ...json, host })).status]).toEqual([host, 403]);
    const { host } = JSON_HEADERS;
    for (const header of [{ origin: 'null' }, { origin: 'http://127.0.0.1:8711' }, { 'sec-fetch-site': 'same-origin' }])
      expect(await post(question, { ...json, host, ...(header as object) })).toMatchObject({ status: 403 });
    for (const type of [undefined, 'text/plain', 'application/x-www-form-urlencoded', 'application/jsonx'])
      expect(await post(question, { host, ...(type && { 'content-type': type }) })).toMatchObject({ status: 415 });
    expect(await post(question, { ...json, host: 'Signer.internal:8711' })).toMatchObject({ status: 200 });
  });

  it('refuses a malformed request', async () => {
    const good = { method: 'GET', url: '/orders', host: 'h' };
    for (const bad of [
      null,
      [],
      'x',
      {},
      { ...good, url: 'x' },
      ...['/orders#', '/orders?a#b', '/basic#', '/orders\0', '/orders\t', '/orders?a=\x7f', 'http://h#/orders'].map((url) => ({
        ...good,
        url,
      })),
      { ...good, body_sha256: 'x' },
      { ...good, environment: 1 },
      { ...good, host: 'a\nb' },
    ])
      expect(await post(bad)).toMatchObject({ status: 400 });
    expect(await ask('POST', '/v1/sign', { body: '{', headers: JSON_HEADERS })).toMatchObject({ status: 400 });
    expect(await ask('POST', '/v1/sign', { body: `"${'x'.repeat(70_000)}"`, headers: JSON_HEADERS })).toMatchObject({ status: 400 });
  });
});

describe('the port of /sign', () => {
  it('reports health and readiness, and has no other routes', async () => {
    expect(await ask('GET', '/healthz')).toMatchObject({ status: 200, body: { status: 'ok' } });
    expect(await ask('GET', '/readyz')).toMatchObject({ status: 200, body: { status: 'ready' } });
    expect(await ask('GET', '/orders')).toMatchObject({ status: 404, body: { error_code: 'APIG.0101' } });
  });
});
