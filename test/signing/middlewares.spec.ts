import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import express from 'express';
import fastify from 'fastify';
import { once } from 'node:events';
import type { RequestListener, ServerResponse } from 'node:http';
import { connect, createServer } from 'node:http2';
import type { Readable } from 'node:stream';
import { gunzipSync, gzipSync } from 'node:zlib';
import type { AddressInfo } from 'node:net';
import { type KeyMaterial, type Refusal, sign, UNSIGNED_PAYLOAD } from 'signet-signing';
import { expressVerifier, keepRawBody } from 'signet-signing/express';
import { fastifyVerifier } from 'signet-signing/fastify';
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

  it('accepts a signed GET and gives the name of the key', async () => {
    const url = '/v1/orders?b=2&a=x+y&a=%E4%B8%AD&c';
    const answer = await send(backend.port, 'GET', url, signed('GET', url));
    expect(answer.status).toBe(200);
    expect(answer.body.signature).toEqual({
      ok: true,
      keyId: 'orders-gateway',
      bodySigned: true,
      signedHeaders: ['host', 'x-sdk-date'],
    });
  });

  it('verifies the bytes of a JSON body as sent, and passes the body on', async () => {
    const answer = await send(backend.port, 'POST', '/v1/orders', signed('POST', '/v1/orders', ORDER), ORDER);
    expect(answer).toMatchObject({ status: 200 });
    expect(answer.body.order).toEqual({ name: '密钥 🔑', n: 1 });
  });

  it('refuses an equivalent body in another spelling', async () => {
    const answer = await send(backend.port, 'POST', '/v1/orders', signed('POST', '/v1/orders', ORDER), JSON.stringify(JSON.parse(ORDER)));
    expect(answer).toMatchObject({ status: 401, body: { code: 'signature_mismatch' } });
  });

  it('refuses a body that was added to a request without one', async () => {
    const answer = await send(backend.port, 'POST', '/v1/orders', signed('POST', '/v1/orders'), ORDER);
    expect(answer).toMatchObject({ status: 401, body: { code: 'signature_mismatch' } });
  });

  it.each([
    ['/v1/orders/%E4%B8%AD/a%2Fb', '/v1/orders/%e4%b8%ad/a%2fb'],
    ['/v1//orders/', '/v1//orders'],
    ['/v1/orders?q=%2B+*%25', '/v1/orders?q=%2B%20%2A%25'],
  ])('accepts %s when it arrives as %s', async (asSigned, asSent) => {
    expect(await send(backend.port, 'GET', asSent, signed('GET', asSigned))).toMatchObject({ status: 200 });
  });

  it('refuses another path, method or host', async () => {
    const mismatch = { status: 401, body: { code: 'signature_mismatch' } };
    expect(await send(backend.port, 'GET', '/v1/admin', signed('GET', '/v1/orders'))).toMatchObject(mismatch);
    expect(await send(backend.port, 'DELETE', '/v1/orders', signed('GET', '/v1/orders'))).toMatchObject(mismatch);
    expect(await send(backend.port, 'GET', '/v1/orders', { ...signed('GET', '/v1/orders'), host: 'elsewhere' })).toMatchObject(mismatch);
  });

  it('refuses a target that parsers read differently, whatever was signed', async () => {
    for (const url of ['/v1/orders#', '/v1#/../admin']) {
      const answer = await send(backend.port, 'GET', url, signed('GET', url.replace('#', '%23')));
      expect(answer).toMatchObject({ status: 401, body: { code: 'malformed' } });
    }
  });

  it('refuses a request without a signature or with an unsigned body', async () => {
    expect(await send(backend.port, 'GET', '/', { host })).toMatchObject({ status: 401, body: { code: 'no_authorization' } });
    const unsigned = signed('POST', '/v1/orders', '', { bodySha256: UNSIGNED_PAYLOAD });
    expect(await send(backend.port, 'POST', '/v1/orders', unsigned, ORDER)).toMatchObject({ status: 401, body: { code: 'body_unsigned' } });
  });
});

describe('fastifyVerifier', () => {
  const served = async (read: (payload: Readable) => Promise<unknown>, body: string, more: object = {}) => {
    const app = fastify();
    app.addHook('preParsing', async (request, _reply, payload) => {
      (request as { cached?: unknown }).cached = await read(payload);
      return payload;
    });
    app.register(fastifyVerifier, { keys: [KEY] });
    app.post('/', (request) => ({ order: (request as { cached?: unknown }).cached }));
    await app.listen({ port: 0, host: '127.0.0.1' });
    const { port } = app.server.address() as AddressInfo;
    const headers = { host: 'h', ...more, ...sign({ method: 'POST', url: '/', host: 'h', body: '' }, KEY) };
    return send(port, 'POST', '/', headers, body).finally(() => app.close());
  };

  it.each([
    ['Content-Length', {}],
    ['chunks', { 'transfer-encoding': 'chunked' }],
  ])('refuses a body with %s that a hook has read, because the handler would use the parsed form', async (_, more) => {
    const answer = await served(async (payload) => String(Buffer.concat(await payload.toArray())), ORDER, more);
    expect(answer).toMatchObject({ status: 401, body: { code: 'malformed', hint: expect.stringContaining('read the body before') } });
  });

  it('accepts a request without a body whose stream a hook has read', async () => {
    expect(await served(async (payload) => String(Buffer.concat(await payload.toArray())), '')).toMatchObject({ status: 200 });
  });
});

describe('expressVerifier', () => {
  const headers = (body: string) => ({ host: 'h', ...sign({ method: 'POST', url: '/', host: 'h', body }, KEY) });
  const serve = async (handler: RequestListener, body: string, asSigned = body) => {
    const backend = await listen(handler);
    return send(backend.port, 'POST', '/', headers(asSigned), body).finally(backend.stop);
  };

  it('refuses a request whose bytes a parser has consumed', async () => {
    const app = express()
      .use(express.json())
      .use(expressVerifier({ keys: [KEY] }));
    expect(await serve(app, ORDER)).toMatchObject({ status: 401, body: { code: 'malformed', hint: expect.stringContaining('raw body') } });
  });

  it('refuses bytes stored by a hook if they are fewer than the client announced', async () => {
    const stores = (request: object, _: unknown, next: () => void) => {
      Object.assign(request, { rawBody: Buffer.alloc(0) });
      next();
    };
    const app = express()
      .use(stores)
      .use(expressVerifier({ keys: [KEY] }));
    expect(await serve(app, ORDER, '')).toMatchObject({ status: 401, body: { code: 'malformed' } });
  });

  it('accepts a compressed body that it verifies before the parser, and reports the cause if a parser has decompressed it', async () => {
    const packed = gzipSync(ORDER);
    const post = async (handler: RequestListener) => {
      const backend = await listen(handler);
      const signature = sign({ method: 'POST', url: '/', host: 'h', body: packed }, KEY);
      const more = { host: 'h', 'content-type': 'application/json', 'content-encoding': 'gzip', ...signature };
      return send(backend.port, 'POST', '/', more, packed).finally(backend.stop);
    };
    const unpacks: RequestListener = (request, response) =>
      response.end(JSON.stringify({ order: gunzipSync((request as unknown as { rawBody: Buffer }).rawBody).toString() }));
    expect(await post(express().use(expressVerifier({ keys: [KEY] }), unpacks as never))).toMatchObject({
      status: 200,
      body: { order: ORDER },
    });
    const parsed = express()
      .use(express.json({ verify: keepRawBody }))
      .use(expressVerifier({ keys: [KEY] }));
    expect(await post(parsed)).toMatchObject({
      status: 401,
      body: { code: 'malformed', hint: expect.stringContaining('put expressVerifier before express.json') },
    });
  });

  it('answers 413 to a body beyond the limit', async () => {
    const app = express().use(expressVerifier({ keys: [KEY], limitBytes: 10 }));
    expect(await serve(app, ORDER)).toMatchObject({ status: 413, body: { code: 'too_large' } });
  });

  it('leaves the answer to onRefused', async () => {
    const onRefused = (refusal: Refusal, _: unknown, response: ServerResponse) => response.writeHead(403).end(JSON.stringify(refusal));
    expect(await serve(express().use(expressVerifier({ keys: [KEY], onRefused })), ORDER, '')).toMatchObject({
      status: 403,
      body: { code: 'signature_mismatch' },
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
      expect(JSON.parse(await post(''))).toMatchObject({ code: 'signature_mismatch' });
    } finally {
      client.close();
      server.close();
    }
  });
});
