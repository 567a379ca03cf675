import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { once } from 'node:events';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { Gateway } from '../../src/gateway/gateway.js';
import { type DemoBackend, startDemoBackend } from '../../src/gateway/backend/demo-backend.js';
import type { GatewayPublication } from '../../src/lib/protocol/protocol.js';
import type { KeyMaterial } from '#signing/scheme.js';
import { publication, sign, TestControlPlane } from '../support/control-plane.js';
import { startTestGateway } from '../support/gateway.js';
import { backend, echoWebSockets, raw, stop } from '../support/raw-http.js';
import { stretched } from '../support/slowness.js';

const key = sign();
const FORGED = { authorization: 'SDK-HMAC-SHA256 forged', 'x-sdk-date': '20200101T000000Z', 'x-sdk-content-sha256': 'UNSIGNED-PAYLOAD' };
const keys = (id: string): KeyMaterial | undefined =>
  id === key.sign_key ? { signType: 'hmac', signKey: key.sign_key, signSecret: key.sign_secret } : undefined;

let plane: TestControlPlane;
let verifying: DemoBackend;
let bound: GatewayPublication;
const nodes: Gateway[] = [];

beforeAll(async () => {
  plane = await TestControlPlane.start();
  bound = publication({ sign: key });
  plane.publications = [bound, publication({ req_uri: '/unbound' })];
  verifying = await startDemoBackend(0, keys, { allowUnsignedPayload: true });
});
afterEach(async () => {
  await Promise.all(nodes.splice(0).map((node) => node.close()));
});
afterAll(async () => {
  await verifying.close();
  await plane.stop();
});

/** The port of a signing proxy in front of `upstream`. */
async function proxy(upstream: number | string, env: Record<string, string> = {}): Promise<number> {
  const url = typeof upstream === 'string' ? upstream : `http://127.0.0.1:${upstream}`;
  const node = await startTestGateway(plane, { SIGNET_GATEWAY_UPSTREAM: url, ...env });
  nodes.push(node);
  return node.proxyPort!;
}
const accepted = (bodySigned: boolean) => ({ status: 200, body: expect.objectContaining({ ok: true, bodySigned }) as object });

describe('the signing proxy, in front of a backend that verifies signatures,', () => {
  it('signs a GET, whatever the client sends in the headers of the signature', async () => {
    const port = await proxy(verifying.port);
    expect(await raw(port, 'GET', '/orders?b=2&a=1', { headers: FORGED })).toMatchObject(accepted(true));
    const listed = { ...FORGED, connection: 'close, x-sdk-date, authorization, host' };
    expect(await raw(port, 'GET', '/orders', { headers: listed })).toMatchObject(accepted(true));
  });

  it.each([
    '//a//b',
    '/.../a..b',
    '/a%252Fb',
    '/a+b?c=d+e&c=d%2Be',
    '/%E8%AE%A2%E5%8D%95?n=%E4%B8%AD%F0%9F%98%80',
    "/!'()*?x=!'()*&x",
    '/a/?b=&&a',
    '/%25?%=%zz',
  ])('signs %s as it is sent', async (path) => {
    const answer = await raw(await proxy(verifying.port), 'GET', path);
    expect(answer).toMatchObject(accepted(true));
    expect(answer.body.request.url).toBe(path);
  });

  it('signs a body up to the limit, with Content-Length, in chunks, or after 100-continue', async () => {
    const port = await proxy(verifying.port);
    const large = randomBytes(3 * 1024 * 1024);
    for (const [body, options] of [
      ['{"a":1}', {}],
      [large, {}],
      [large, { chunked: true }],
      [large, { headers: { expect: '100-continue', ...FORGED } }],
      ['', { chunked: true }],
    ] as const) {
      const answer = await raw(port, 'POST', '/orders', { body, ...options });
      expect(answer).toMatchObject(accepted(true));
      expect(answer.body.request.body_bytes).toBe(body.length);
      expect(answer.continued).toBe('headers' in options);
    }
    expect(await raw(port, 'POST', '/orders')).toMatchObject(accepted(true));
    expect(await raw(port, 'GET', '/orders', { body: 'a GET with a body' })).toMatchObject(accepted(true));
  });

  it('refuses a body above the limit, and with 100-continue before the client sends it', async () => {
    const port = await proxy(verifying.port, { SIGNET_GATEWAY_LIMITS: 'body=1000' });
    const body = randomBytes(1001);
    const refused = { status: 413, body: { error_code: 'APIG.0201', error_msg: 'Request entity too large.' }, continued: false };
    expect(await raw(port, 'POST', '/orders', { body })).toMatchObject(refused);
    expect(await raw(port, 'POST', '/orders', { body, chunked: true })).toMatchObject(refused);
    expect(await raw(port, 'POST', '/orders', { body, headers: { expect: '100-continue' } })).toMatchObject(refused);
    expect(await raw(port, 'POST', '/orders', { body: body.subarray(1) })).toMatchObject(accepted(true));
  });

  it('streams a body above the limit with UNSIGNED-PAYLOAD if the operator has configured that', async () => {
    const port = await proxy(verifying.port, { SIGNET_GATEWAY_LIMITS: 'body=1000', SIGNET_GATEWAY_RULES: 'large-body=unsigned-payload' });
    const body = randomBytes(300_000);
    for (const chunked of [false, true]) {
      const answer = await raw(port, 'POST', '/orders', { body, chunked });
      expect(answer).toMatchObject(accepted(false));
      expect(answer.body.request.body_bytes).toBe(body.length);
    }
  });

  it('signs the path with the base path of the upstream, and the upstream’s Host if configured', async () => {
    const port = await proxy(`http://127.0.0.1:${verifying.port}/base/`, { SIGNET_GATEWAY_RULES: 'host=upstream' });
    const { body } = await raw(port, 'GET', '/orders');
    expect(body).toMatchObject({ ok: true, request: { url: '/base/orders', host: `127.0.0.1:${verifying.port}` } });
    const absolute = await raw(await proxy(verifying.port), 'GET', 'http://api.example/orders');
    expect(absolute.body).toMatchObject({ ok: true, request: { url: '/orders', host: 'api.example' } });
  });

  it('takes the environment from X-Stage, or from its configuration', async () => {
    const unknown = { status: 404, body: { error_code: 'APIG.0101' } };
    expect(await raw(await proxy(verifying.port), 'GET', '/orders', { headers: { 'x-stage': 'TEST' } })).toMatchObject(unknown);
    expect(await raw(await proxy(verifying.port, { SIGNET_GATEWAY_ENVIRONMENT: 'TEST' }), 'GET', '/orders')).toMatchObject(unknown);
    const fixed = await proxy(verifying.port, { SIGNET_GATEWAY_ENVIRONMENT: 'RELEASE' });
    expect(await raw(fixed, 'GET', '/orders', { headers: { 'x-stage': 'TEST' } })).toMatchObject(accepted(true));
  });

  it('answers 403 for an API without a key, or marks the request as unsigned if the operator has configured that', async () => {
    expect(await raw(await proxy(verifying.port), 'POST', '/unbound', { body: 'x' })).toMatchObject({
      status: 403,
      body: { error_code: 'APIG.0705' },
    });
    const seen: IncomingMessage['headers'][] = [];
    const plain = await backend(({ headers }, response) => {
      seen.push(headers);
      response.end();
    });
    const port = await proxy(plain.port, { SIGNET_GATEWAY_RULES: 'unbound=unsigned' });
    expect((await raw(port, 'GET', '/unbound', { headers: FORGED })).status).toBe(200);
    expect(seen[0]).toMatchObject({ authorization: 'unsigned', 'x-sdk-date': 'unsigned', 'x-sdk-content-sha256': 'unsigned' });
    await stop(plain);
  });
});

describe('the signing proxy', () => {
  let server: Server | undefined;
  afterEach(async () => {
    if (server) await stop(server);
    server = undefined;
  });
  const answering = async (listener: (request: IncomingMessage, response: ServerResponse) => void) => {
    const made = await backend(listener);
    server = made;
    return proxy(made.port);
  };

  it('forwards answers unchanged, without hop-by-hop headers', async () => {
    const port = await answering((_, response) => {
      response.writeHead(418, 'Short and stout', [
        'set-cookie',
        'a=1',
        'set-cookie',
        'b=2',
        'connection',
        'x-hop',
        'x-hop',
        '1',
        'x-end',
        '1',
      ]);
      response.end('tea');
    });
    const answer = await raw(port, 'GET', '/');
    expect(answer).toMatchObject({ status: 418, text: 'tea', headers: { 'set-cookie': ['a=1', 'b=2'], 'x-end': '1' } });
    expect(answer.headers['x-hop']).toBeUndefined();
    expect((await raw(port, 'HEAD', '/')).status).toBe(418);
  });

  it('forwards each server-sent event at once', async () => {
    let stream: ServerResponse | undefined;
    const port = await answering((_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.flushHeaders();
      stream = response;
    });
    const answer = await fetch(`http://127.0.0.1:${port}/events`);
    const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
    for (const event of ['data: 1\n\n', 'data: 2\n\n']) {
      stream!.write(event);
      expect((await reader.read()).value).toBe(event);
    }
    const gone = once(stream!, 'close');
    await reader.cancel();
    await gone;
  });

  it('forwards a signed WebSocket in both directions, and no unsigned one', async () => {
    server = await backend((_, response) => void response.end());
    echoWebSockets(server, keys);
    const port = await proxy((server as Server & { port: number }).port);
    const socket = new WebSocket(`ws://127.0.0.1:${port}/chat?room=%E4%B8%AD`);
    await once(socket, 'open');
    const echo = once(socket, 'message') as Promise<[{ data: unknown }]>;
    socket.send('hello');
    expect((await echo)[0].data).toBe('hello');
    const closed = once(socket, 'close');
    socket.close();
    await closed;
    const upgrade = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-key': 'x', 'sec-websocket-version': '13' };
    expect(await raw(port, 'GET', '/unbound', { headers: upgrade })).toMatchObject({ status: 403, body: { error_code: 'APIG.0705' } });
  });

  it('answers 502 if the backend is down or closes the connection, also for an upgrade', async () => {
    const port = await answering((request) => request.socket.destroy());
    const unavailable = { status: 502, body: { error_code: 'APIG.0201', error_msg: 'Backend unavailable.' } };
    expect(await raw(port, 'POST', '/', { body: 'x' })).toMatchObject(unavailable);
    await stop(server!);
    server = undefined;
    expect(await raw(port, 'GET', '/')).toMatchObject(unavailable);
    expect(await raw(port, 'GET', '/', { headers: { connection: 'Upgrade', upgrade: 'websocket' } })).toMatchObject(unavailable);
  });

  it('answers 504 if the backend does not begin its answer in time', async () => {
    server = await backend(() => undefined);
    const port = await proxy((server as Server & { port: number }).port, { SIGNET_GATEWAY_TIMEOUTS: 'upstream=50ms' });
    expect(await raw(port, 'GET', '/')).toMatchObject({ status: 504, body: { error_code: 'APIG.0201', error_msg: 'Backend timeout.' } });
  });

  it('forwards the answer that follows an unexpected 100 Continue or early hint', async () => {
    server = await backend(() => undefined);
    server.removeAllListeners('connection').on('connection', (socket: Socket) => {
      socket.once('data', () => {
        socket.write('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n');
        socket.end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok');
      });
    });
    const port = await proxy((server as Server & { port: number }).port);
    for (const body of [undefined, 'x'])
      expect(await raw(port, body ? 'POST' : 'GET', '/', body ? { body } : {})).toMatchObject({ status: 200, text: 'ok' });
  });

  it('breaks the connection if the backend breaks its answer', async () => {
    const port = await answering((request, response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('half');
      setImmediate(() => request.socket.destroy());
    });
    await expect(raw(port, 'GET', '/').then(({ text }) => text)).rejects.toThrow(/aborted|socket/);
  });

  it('ends the request to the backend when the client disconnects', async () => {
    let gone: Promise<unknown> | undefined;
    const asked = new Promise<void>((resolve) => {
      void answering((request) => {
        gone = once(request.socket, 'close');
        resolve();
      }).then((port) => {
        const client = connect(port, '127.0.0.1', () => client.write('GET / HTTP/1.1\r\nhost: api.example\r\n\r\n'));
        void asked.then(() => client.destroy());
      });
    });
    await asked;
    await gone;
  });

  it('answers 414, 494 and 400 with the contract’s messages', async () => {
    const port = await proxy(verifying.port);
    const refused = async (bytes: string) => {
      const client = connect(port, '127.0.0.1', () => client.write(bytes));
      let text = '';
      client.on('data', (chunk) => (text += String(chunk)));
      client.on('error', () => undefined);
      while (!text.includes('}')) await once(client, 'data');
      client.destroy();
      return [Number(text.slice(9, 12)), JSON.parse(text.slice(text.indexOf('\r\n\r\n'))) as object];
    };
    const words = (error_msg: string) => ({ error_code: 'APIG.0201', error_msg });
    expect(await refused(`GET /${'a'.repeat(33_000)} HTTP/1.1\r\nhost: x\r\n\r\n`)).toEqual([414, words('Request URI too large.')]);
    expect(await refused(`GET / HTTP/1.1\r\nhost: x\r\na: ${'a'.repeat(33_000)}\r\n\r\n`)).toEqual([
      494,
      words('Request headers too large.'),
    ]);
    expect(await refused(`GET / HTTP/1.1\r\nhost: x\r\na: ${'a'.repeat(140_000)}\r\n\r\n`)).toEqual([
      494,
      words('Request headers too large.'),
    ]);
    expect(await refused('GET / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n')).toEqual([
      400,
      words('Bad request.'),
    ]);
    for (const target of ['*', '/orders#', '/orders?a#b', 'http://x/orders#'])
      expect(await refused(`GET ${target} HTTP/1.1\r\nhost: x\r\n\r\n`)).toEqual([
        400,
        words('Bad request. The path or query is malformed or ambiguous.'),
      ]);
  });

  it('does not buffer more bytes of bodies than its limit', async () => {
    const port = await proxy(verifying.port, { SIGNET_GATEWAY_LIMITS: `buffer=${1024 * 1024}` });
    expect(await raw(port, 'POST', '/', { body: randomBytes(2 * 1024 * 1024) })).toMatchObject({
      status: 503,
      body: { error_msg: 'The gateway is busy.' },
    });
    for (let i = 0; i < 3; i++) expect(await raw(port, 'POST', '/', { body: randomBytes(900_000) })).toMatchObject(accepted(true));
  });

  /** Sends a POST with a larger Content-Length than its body. @returns its first answer */
  const stalled = async (port: number, bytes: number, headers = '') => {
    const client = connect(port, '127.0.0.1');
    client.on('error', () => undefined);
    client.write(`POST /orders HTTP/1.1\r\nhost: api.example\r\n${headers}content-length: ${bytes + 1}\r\n\r\n`);
    client.write(Buffer.alloc(bytes));
    const text = String((await once(client, 'data'))[0]);
    client.destroy();
    return Number(text.slice(9, 12));
  };

  it('ends requests whose bodies do not arrive, and serves other requests meanwhile', async () => {
    const port = await proxy(verifying.port, {
      SIGNET_GATEWAY_LIMITS: 'buffer=4194304,body=1000000',
      // A whole body is there within it, whatever else the machine runs.
      SIGNET_GATEWAY_TIMEOUTS: `body=${Math.ceil(stretched(2000))}ms`,
      SIGNET_TRUSTED_PROXIES: '127.0.0.0/8',
    });
    const greedy = Array.from({ length: 22 }, () => stalled(port, 900_000, 'x-forwarded-for: 192.0.2.1\r\n'));
    // One client has used its whole share, so only this client gets "busy".
    expect(await Promise.race(greedy)).toBe(503);
    const again = [stalled(port, 900_000, 'x-forwarded-for: 192.0.2.1\r\n'), stalled(port, 900_000, 'x-forwarded-for: 192.0.2.1\r\n')];
    for (let i = 0; i < 3; i++)
      expect(await raw(port, 'POST', '/', { body: randomBytes(900_000), headers: { 'x-forwarded-for': '192.0.2.2' } })).toMatchObject(
        accepted(true),
      );
    const statuses = await Promise.all([...greedy, ...again]);
    expect(new Set(statuses)).toEqual(new Set([408, 503]));
  });

  it('ends a request whose body arrives too slowly', async () => {
    const port = await proxy(verifying.port, { SIGNET_GATEWAY_LIMITS: 'body-rate=1000000' });
    expect(await stalled(port, 1000)).toBe(408);
  });

  it('forwards the address of the client, or the address that a trusted proxy sends', async () => {
    const claimed = {
      'x-forwarded-for': '192.0.2.7',
      'x-forwarded-host': 'shop.example',
      'x-forwarded-proto': 'https',
      'x-forwarded-port': '443',
      forwarded: 'for=192.0.2.7',
    };
    const seen: IncomingMessage['headers'][] = [];
    const plain = await backend(({ headers }, response) => {
      seen.push(headers);
      response.end();
    });
    for (const env of [{ SIGNET_TRUSTED_PROXIES: '' }, { SIGNET_TRUSTED_PROXIES: '10.0.0.0/8' }, { SIGNET_TRUSTED_PROXIES: '127.0.0.1' }])
      expect((await raw(await proxy(plain.port, env), 'GET', '/', { headers: claimed })).status).toBe(200);
    await stop(plain);
    const itself = { 'x-forwarded-for': '127.0.0.1', 'x-forwarded-host': 'api.example', 'x-forwarded-proto': 'http' };
    expect(seen).toMatchObject([itself, itself, { ...claimed, 'x-forwarded-for': '192.0.2.7, 127.0.0.1' }]);
    for (const untrusted of seen.slice(0, 2))
      expect([untrusted['x-forwarded-port'], untrusted['forwarded']]).toEqual([undefined, undefined]);
  });

  it('signs nothing with a key whose deletion it has acknowledged, not even a request whose body was still arriving', async () => {
    const doomed = publication({ req_uri: '/doomed', sign: sign() });
    plane.publications.push(doomed);
    const seen: string[] = [];
    const port = await answering((request, response) => {
      seen.push(request.headers.authorization ?? '');
      request.resume().on('end', () => response.end());
    });
    const client = connect(port, '127.0.0.1');
    client.write('POST /doomed HTTP/1.1\r\nhost: api.example\r\ncontent-length: 4\r\n\r\nab');
    expect((await raw(port, 'GET', '/doomed')).status).toBe(200);
    await plane.acknowledged(plane.deleteSign(doomed.sign!.sign_id));
    client.write('cd');
    expect(String((await once(client, 'data'))[0])).toMatch(/^HTTP\/1.1 403 /);
    client.destroy();
    expect(seen).toHaveLength(1);
  });
});
