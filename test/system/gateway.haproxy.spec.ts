import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { once } from 'node:events';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Gateway } from '../../src/gateway/gateway.js';
import type { GatewayPublication, GatewaySign } from '../../src/lib/protocol/protocol.js';
import { type Verification, verifySignature } from '#signing/verify.js';
import { isTarget } from '../../src/gateway/http/admission.js';
import { haproxy } from '../../src/cli/gen/haproxy.js';
import { Authority } from '../support/certificates.js';
import { publication, sign, TestControlPlane } from '../support/control-plane.js';
import { startTestGateway } from '../support/gateway.js';
import { stop } from '../support/raw-http.js';
import { binaryOf, StockGateway, stockFolder } from '../support/stock-gateways.js';

/** The requests that reached the backend. */
interface Seen {
  method: string;
  url: string;
  headers: IncomingMessage['headers'];
  rawHeaders: string[];
  body: string;
  verification: Verification;
}

const here = binaryOf('haproxy') !== undefined || process.env['CI'] === 'true';
const test = here ? it : it.skip;

let plane: TestControlPlane;
let node: Gateway;
let front: StockGateway;
let backend: Server;
let seen: Seen[] = [];
const keys = new Map<string, GatewaySign>();

const publish = (overrides: Partial<GatewayPublication>): GatewayPublication => {
  const made = publication({ match_mode: 'NORMAL', ...overrides });
  if (made.sign) keys.set(made.sign.sign_key, made.sign);
  plane.publications.push(made);
  return made;
};

/** Sends bytes to HAProxy. @returns the status of the first answer */
async function send(bytes: string, port = front.port): Promise<number> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  let text = '';
  socket.setEncoding('latin1').on('data', (part: string) => {
    text += part;
    if (/^HTTP\/1\.\d \d{3} [^]*\r\n\r\n/.test(text)) socket.end();
  });
  socket.write(Buffer.from(bytes, 'latin1'));
  await once(socket, 'close');
  return Number(/^HTTP\/1\.\d (\d{3})/.exec(text)?.[1] ?? 0);
}

/** Sends a request with these header lines. */
const request = (line: string, ...lines: string[]) => [line, ...lines, '', ''].join('\r\n');
const HOST = 'Host: api.example';
const CLOSE = 'Connection: close';

/** @returns the status, and the request that reached the backend */
async function through(bytes: string): Promise<{ status: number; at: Seen | undefined }> {
  seen = [];
  const status = await send(bytes);
  return { status, at: seen[0] };
}

beforeAll(async () => {
  if (!here) return;
  backend = createServer((incoming, response) => {
    void (async () => {
      const body = (await buffer(incoming)).toString('latin1');
      const { method = '', url = '', headers, rawHeaders } = incoming;
      const verification = verifySignature(
        { method, url, headers, body: Buffer.from(body, 'latin1') },
        {
          keys: (id) => {
            const key = keys.get(id);
            return key && { signType: 'hmac', signKey: key.sign_key, signSecret: key.sign_secret };
          },
          allowUnsignedPayload: true,
        },
      );
      seen.push({ method, url, headers, rawHeaders, body, verification });
      response.writeHead(verification.ok ? 200 : 401, { connection: 'close' }).end('seen');
    })();
  }).listen(0, '127.0.0.1');
  await once(backend, 'listening');
  plane = await TestControlPlane.start();
  publish({ req_uri: '/open/{a}/{b}', req_method: 'GET', sign: sign() });
  publish({ req_uri: '/', env_name: 'other', match_mode: 'SWA', sign: sign() });
  publish({ req_uri: '/public', match_mode: 'SWA', sign: sign() });
  publish({ req_uri: '/admin', match_mode: 'SWA', req_method: 'POST' });
  const { folder, socket, master } = stockFolder('haproxy');
  front = await StockGateway.start('haproxy', {
    folder,
    socket,
    master,
    signer: 'http://127.0.0.1:1',
    upstream: `http://127.0.0.1:${(backend.address() as AddressInfo).port}`,
  });
  node = await startTestGateway(plane, {
    SIGNET_GATEWAY_HAPROXY: `socket=${socket},master=${master},maps=${folder}`,
  });
  await plane.acknowledged(plane.revision);
});
afterAll(async () => {
  if (!here) return;
  await front.stop();
  await node.close();
  await plane.stop();
  await stop(backend);
});

describe('values that a client sends are looked up unchanged:', () => {
  test.each([
    ['a look-up key in X-Stage', 'RELEASE|GET|/open/'],
    ['a separator', 'other|GET'],
    ['an expression', '.*'],
    ['a name that is too short', 'ab'],
    ['a name that begins with a digit', '1abc'],
    ['two names', 'other,RELEASE'],
    ['two names with a space', 'other, other'],
    ['one that is not there, after another', 'other,'],
  ])('an X-Stage that is %s is refused', async (_, stage) => {
    const { status, at } = await through(request('GET /open/x/y HTTP/1.1', HOST, CLOSE, `X-Stage: ${stage}`));
    expect([status, at]).toEqual([400, undefined]);
  });

  test('several X-Stage lines are refused, an empty X-Stage counts as none, and a name selects its environment', async () => {
    const line = 'GET /open/x/y HTTP/1.1';
    expect(await send(request(line, HOST, CLOSE, 'X-Stage: RELEASE', 'X-Stage: other'))).toBe(400);
    expect(await send(request(line, HOST, CLOSE, 'X-Stage: ', 'X-Stage: other'))).toBe(400);
    expect(await send(request(line, HOST, CLOSE, 'X-Stage: '))).toBe(200);
    expect(await send(request(line, HOST, CLOSE, 'X-Stage: other'))).toBe(200);
    expect(await send(request(line, HOST, CLOSE, 'X-Stage: others'))).toBe(404);
  });

  test('a path parameter is one segment, whatever it contains', async () => {
    expect(await send(request('GET /open/x|y/z HTTP/1.1', HOST, CLOSE))).toBe(200);
    expect(await send(request('GET /open/x|POST|/admin/z HTTP/1.1', HOST, CLOSE))).toBe(404);
    expect(await send(request('POST /open/x/y HTTP/1.1', HOST, CLOSE, 'Content-Length: 0'))).toBe(404);
  });

  test('a path is decoded before it is matched, as at every gateway', async () => {
    const { status, at } = await through(request('GET /%70ublic/%7Ea HTTP/1.1', HOST, CLOSE));
    expect([status, at?.url, at?.verification.ok]).toEqual([200, '/%70ublic/%7Ea', true]);
    expect(await send(request('POST /%61dmin HTTP/1.1', HOST, CLOSE, 'X-Stage: RELEASE', 'Content-Length: 0'))).toBe(403);
  });
});

test('signet.lua accepts and refuses the same targets as src/gateway/http/admission.ts, and signs the accepted ones', async () => {
  const part = fc.constantFrom(
    ...['a', '.', '..', '/', '//', ';', '%', '%2', '%2e', '%2E', '%25', '%252e', '%3b', '%2f', '%5c', '\\', '%00', '%1f', '%7f', '%41'],
    ...['%c3', '%c3%a9', '%ed%a0%80', '%f4%90%80%80', '%c0%ae', '%e8%ae%a2', '~', '+', '|', "'", '"', '{', '?', '?a=%zz', '&b', '=', '%2b'],
  );
  const target = fc.array(part, { maxLength: 7 }).map((parts) => `/${parts.join('')}`);
  const targets = fc.sample(target, { numRuns: 600, seed: 1 });
  const wrong: [string, number, boolean | undefined][] = [];
  const worker = async () => {
    for (let next = targets.pop(); next !== undefined; next = targets.pop()) {
      const status = await send(request(`GET ${next} HTTP/1.1`, HOST, CLOSE, 'X-Stage: other'));
      if (status !== (isTarget(next, 'refuse') ? 200 : 400)) wrong.push([next, status, isTarget(next, 'refuse')]);
    }
  };
  await Promise.all(Array.from({ length: 8 }, worker));
  expect(wrong).toEqual([]);
});

test('an encoded slash is refused unless the gateway’s setting allows it, and is then signed as sent', async () => {
  const line = 'GET /public/a%2Fb HTTP/1.1';
  const set = (encodedSlashes: 'pass' | 'refuse') =>
    plane.acknowledged(plane.commit([{ kind: 'settings', id: 'i', op: 'updated' }], () => (plane.encodedSlashes = encodedSlashes)));
  expect((await through(request(line, HOST, CLOSE))).status).toBe(400);
  await set('pass');
  const { status, at } = await through(request(line, HOST, CLOSE));
  expect([status, at?.url, at?.verification.ok]).toEqual([200, '/public/a%2Fb', true]);
  expect((await through(request('GET /public/%2e%2e%2Fadmin HTTP/1.1', HOST, CLOSE))).status).toBe(400);
  await set('refuse');
  expect((await through(request(line, HOST, CLOSE))).status).toBe(400);
});

test('two keys with the same access id sign with their own secrets', async () => {
  const pair = ['one', 'two'].map((name) =>
    publish({ req_uri: `/${name}`, sign: sign({ sign_key: 'shared', sign_secret: `secret_of_${name}` }) }),
  );
  await plane.acknowledged(
    plane.commit(pair.map(({ publish_id }) => ({ kind: 'publication' as const, id: publish_id, op: 'created' as const }))),
  );
  for (const { req_uri, sign: key } of pair) {
    keys.set('shared', key!);
    const { status, at } = await through(request(`GET ${req_uri} HTTP/1.1`, HOST, CLOSE));
    expect([status, at?.verification.ok]).toEqual([200, true]);
  }
});

test('an environment that the operator configures replaces the one in the request', async () => {
  const { folder, socket, master } = stockFolder('haproxy');
  const upstream = `http://127.0.0.1:${(backend.address() as AddressInfo).port}`;
  const own = await StockGateway.start('haproxy', {
    folder,
    socket,
    master,
    signer: 'http://127.0.0.1:1',
    upstream,
    gen: { environment: 'other' },
  });
  const agent = await startTestGateway(plane, {
    SIGNET_NODE_ID: 'node2',
    SIGNET_GATEWAY_HAPROXY: `socket=${socket},master=${master},maps=${folder}`,
    SIGNET_GATEWAY_ENVIRONMENT: 'other',
  });
  try {
    const line = 'GET /open/x/y HTTP/1.1';
    while ((await send(request(line, HOST, CLOSE), own.port)) === 503) await new Promise((resolve) => setTimeout(resolve, 20));
    seen = [];
    expect(await send(request(line, HOST, CLOSE, 'X-Stage: RELEASE'), own.port)).toBe(200);
    const ofOther = plane.publications.find(({ env_name }) => env_name === 'other')!.sign!;
    expect(seen[0]?.headers.authorization).toContain(`Access=${ofOther.sign_key},`);
    expect(await send(request(line, HOST, CLOSE, 'X-Stage: a|b'), own.port)).toBe(400);
  } finally {
    await own.stop();
    await agent.close();
  }
});

test.each([
  ['whose certificate is for its name', 'DNS:localhost', 200],
  ['whose certificate is for another name', 'DNS:elsewhere.example', 503],
])('a backend behind TLS %s', async (_, names, expected) => {
  const { folder, socket, master } = stockFolder('haproxy');
  const authority = new Authority(folder, 'authority');
  const { certFile, keyFile } = authority.issue('backend', names);
  const asked: unknown[] = [];
  const tls = createTlsServer({ cert: readFileSync(certFile), key: readFileSync(keyFile) }, (incoming, response) => {
    asked.push((incoming.socket as TLSSocket & { servername?: string }).servername);
    response.end('ok');
  }).listen(0, '127.0.0.1');
  await once(tls, 'listening');
  const own = await StockGateway.start('haproxy', {
    folder,
    socket,
    master,
    signer: 'http://127.0.0.1:1',
    upstream: `https://localhost:${(tls.address() as AddressInfo).port}`,
    gen: { upstreamCa: authority.caFile },
  });
  const agent = await startTestGateway(plane, {
    SIGNET_NODE_ID: 'node3',
    SIGNET_GATEWAY_HAPROXY: `socket=${socket},master=${master},maps=${folder}`,
  });
  try {
    const line = 'GET /public/x HTTP/1.1';
    // HAProxy's own 503 has no Retry-After. HAProxy has its keys when an unknown API gets an answer other than 503.
    while ((await send(request('GET /nowhere HTTP/1.1', HOST, CLOSE), own.port)) === 503)
      await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await send(request(line, HOST, CLOSE), own.port)).toBe(expected);
    expect(asked).toEqual(expected === 200 ? ['localhost'] : []);
  } finally {
    await own.stop();
    await agent.close();
    await stop(tls);
  }
});

test('one process can load the configurations of two gateways, also with IPv6 addresses', () => {
  const files = ['i1', 'i2'].map((instance) => {
    const { folder, socket } = stockFolder('haproxy');
    const file = join(folder, 'haproxy.cfg');
    const [signer, upstream] = [new URL('http://127.0.0.1:1'), new URL('https://[::1]:8443')];
    writeFileSync(
      file,
      haproxy({ instance, signers: [signer], upstream, listen: '[::1]:18123', maps: folder, socket, largeBody: 'refuse' }),
    );
    return file;
  });
  const checked = spawnSync(binaryOf('haproxy')!, ['-c', ...files.flatMap((file) => ['-f', file])], { encoding: 'utf8' });
  expect([checked.status, checked.stderr]).toEqual([0, '']);
});
