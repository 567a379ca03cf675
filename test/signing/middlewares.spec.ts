import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import express from 'express';
import { once } from 'node:events';
import type { RequestListener, ServerResponse } from 'node:http';
import { connect, createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { expressVerifier, type KeyMaterial, type Refusal, sign, UNSIGNED_PAYLOAD } from '../../src/lib/signing/index.js';
import { type Backend, BACKENDS, listen, send } from './backends.js';

const KEY: KeyMaterial = { signType: 'hmac', signKey: 'orders-gateway', signSecret: 'Secret-0123456789' };
const ORDER = '{"name":"密钥 🔑",  "n":1}';

describe.each(Object.entries(BACKENDS))('%s', (_, start) => {
  let backend: Backend;
  beforeAll(async () => {
    backend = await start([KEY]);
  });
  afterAll(() => backend.stop());

  const host = 'backend.internal:8080';
  const signed = (method: string, url: string, body = '', more: object = {}) => ({
    host,
    ...sign({ method, url, host, body, ...more }, KEY),
  });

  it('lets a signed GET pass and says who signed it', async () => {
    const url = '/v1/orders?b=2&a=x+y&a=%E4%B8%AD&c';
    const answer = await send(backend.port, 'GET', url, signed('GET', url));
    expect(answer.status).toBe(200);
    expect(answer.body.signature).toEqual({
      ok: true,
      keyId: 'orders-gateway',
      bodySigned: true,
      signedHeaders: ['host', 'x-sdk-content-sha256', 'x-sdk-date'],
    });
  });

  it('verifies the bytes of a JSON body as they were sent, and hands the body on', async () => {
    const answer = await send(backend.port, 'POST', '/v1/orders', signed('POST', '/v1/orders', ORDER), ORDER);
    expect(answer).toMatchObject({ status: 200 });
    expect(answer.body.order).toEqual({ name: '密钥 🔑', n: 1 });
  });

  it('refuses a body that means the same and is written differently', async () => {
    const answer = await send(backend.port, 'POST', '/v1/orders', signed('POST', '/v1/orders', ORDER), JSON.stringify(JSON.parse(ORDER)));
    expect(answer).toMatchObject({ status: 401, body: { code: 'body_hash_mismatch' } });
  });

  it('refuses what was added to a request signed without a body', async () => {
    const answer = await send(backend.port, 'POST', '/v1/orders', signed('POST', '/v1/orders'), ORDER);
    expect(answer).toMatchObject({ status: 401, body: { code: 'body_hash_mismatch' } });
  });

  it.each([
    ['/v1/orders/%E4%B8%AD/a%2Fb', '/v1/orders/%e4%b8%ad/a%2fb'],
    ['/v1//orders/', '/v1//orders'],
    ['/v1/orders?q=%2B+*%25', '/v1/orders?q=%2B%20%2A%25'],
  ])('accepts %s when it arrives as %s', async (asSigned, asSent) => {
    expect(await send(backend.port, 'GET', asSent, signed('GET', asSigned))).toMatchObject({ status: 200 });
  });

  it('refuses another path, another method, another host', async () => {
    const mismatch = { status: 401, body: { code: 'signature_mismatch' } };
    expect(await send(backend.port, 'GET', '/v1/admin', signed('GET', '/v1/orders'))).toMatchObject(mismatch);
    expect(await send(backend.port, 'DELETE', '/v1/orders', signed('GET', '/v1/orders'))).toMatchObject(mismatch);
    expect(await send(backend.port, 'GET', '/v1/orders', { ...signed('GET', '/v1/orders'), host: 'elsewhere' })).toMatchObject(mismatch);
  });

  it('refuses a request without a signature, and one whose body is not signed', async () => {
    expect(await send(backend.port, 'GET', '/', { host })).toMatchObject({ status: 401, body: { code: 'no_authorization' } });
    const unsigned = signed('POST', '/v1/orders', '', { bodySha256: UNSIGNED_PAYLOAD });
    expect(await send(backend.port, 'POST', '/v1/orders', unsigned, ORDER)).toMatchObject({ status: 401, body: { code: 'body_unsigned' } });
  });
});

describe('expressVerifier', () => {
  const headers = (body: string) => ({ host: 'h', ...sign({ method: 'POST', url: '/', host: 'h', body }, KEY) });
  const serve = async (handler: RequestListener, body: string, asSigned = body) => {
    const backend = await listen(handler);
    return send(backend.port, 'POST', '/', headers(asSigned), body).finally(backend.stop);
  };

  it('refuses rather than guess when a parser has eaten the bytes', async () => {
    const app = express()
      .use(express.json())
      .use(expressVerifier({ keys: [KEY] }));
    expect(await serve(app, ORDER)).toMatchObject({ status: 401, body: { code: 'malformed', hint: expect.stringContaining('raw body') } });
  });

  it('answers 413 to a body beyond the limit', async () => {
    const app = express().use(expressVerifier({ keys: [KEY], limitBytes: 10 }));
    expect(await serve(app, ORDER)).toMatchObject({ status: 413, body: { code: 'too_large' } });
  });

  it('leaves the answer to onRefused', async () => {
    const onRefused = (refusal: Refusal, _: unknown, response: ServerResponse) => response.writeHead(403).end(JSON.stringify(refusal));
    expect(await serve(express().use(expressVerifier({ keys: [KEY], onRefused })), ORDER, '')).toMatchObject({
      status: 403,
      body: { code: 'body_hash_mismatch' },
    });
  });

  it('reads the body of an HTTP/2 request, which needs no Content-Length', async () => {
    const verifier = expressVerifier({ keys: [KEY] });
    const server = createServer((request, response) => {
      verifier(request as never, response as never, () => response.end('passed'));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    const post = async (asSigned: string) => {
      const { host, ...signature } = headers(asSigned);
      const stream = client.request({ ':method': 'POST', ':path': '/', ':authority': host, ...signature });
      return Buffer.concat(await stream.end(ORDER).toArray()).toString();
    };
    try {
      expect(await post(ORDER)).toBe('passed');
      expect(JSON.parse(await post(''))).toMatchObject({ code: 'body_hash_mismatch' });
    } finally {
      client.close();
      server.close();
    }
  });
});
