import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { spawn } from 'node:child_process';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net';
import { HeldTimers } from '../../../test/support/held-timers.js';
import { readConfig } from '../../platform/config/config.js';
import { DnsResolver } from '../endpoints/dns-resolver.js';
import { SsrfGuard } from '../endpoints/ssrf-guard.js';
import { ConnectionPool } from './connection-pool.js';
import { type DeliveryResponse, sendWebhook } from './webhook-sender.js';

const LOOPBACK = { SIGNET_WEBHOOKS: 'http=allow', SIGNET_WEBHOOK_ALLOW_CIDRS: '127.0.0.0/8' };
/** A time limit that is only reached if a test makes it pass. */
const LIMIT_MS = 60_000;
const BODY = Buffer.from('{"event":"order.created","order_id":"ord_123"}');

class Names extends DnsResolver {
  constructor(readonly next: (name: string) => string[]) {
    super();
  }
  override addresses = async (name: string) => this.next(name);
}

const open: (() => void)[] = [];
afterEach(() => open.splice(0).forEach((close) => close()));

async function receiver(listener: RequestListener): Promise<{ url: URL; server: Server; connections: () => number }> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  let connections = 0;
  server.on('connection', () => connections++);
  await once(server, 'listening');
  open.push(() => (server.close(), server.closeAllConnections()));
  return { url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/hook?x=1`), server, connections: () => connections };
}

function connections(env: Record<string, string> = LOOPBACK, resolver: DnsResolver = new DnsResolver()): ConnectionPool {
  const made = new ConnectionPool(new SsrfGuard(readConfig(env), resolver), LIMIT_MS);
  open.push(() => made.close());
  return made;
}

const send = (to: ConnectionPool, url: URL, timeoutMs = LIMIT_MS, mayLeave = () => true): Promise<DeliveryResponse> =>
  sendWebhook(to, url, { 'content-type': 'application/json', 'x-one': '1' }, BODY, timeoutMs, mayLeave);

/** The result of a POST whose time limit passes when the condition is true. */
async function late(to: ConnectionPool, url: URL, condition: Promise<unknown>): Promise<DeliveryResponse> {
  const timers = new HeldTimers(LIMIT_MS);
  try {
    const sent = send(to, url);
    await condition;
    timers.pass();
    return await sent;
  } finally {
    timers.release();
  }
}

/** Resolves when a client of this process has received the headers of its next response. */
function answerBegun(): Promise<void> {
  return new Promise((resolve) => {
    const begun = () => {
      unsubscribe('http.client.response.finish', begun);
      resolve();
    };
    subscribe('http.client.response.finish', begun);
  });
}

describe('a POST', () => {
  it('sends the bytes, the headers, the path and the query, and measures each phase', async () => {
    const seen: unknown[] = [];
    const { url } = await receiver((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        seen.push([request.method, request.url, request.headers['x-one'], request.headers.host, Buffer.concat(chunks).equals(BODY)]);
        response.writeHead(201, { 'x-two': '2' }).end('thanks');
      });
    });
    const to = connections();
    const response = await send(to, url);
    expect(seen).toEqual([['POST', '/hook?x=1', '1', url.host, true]]);
    expect(response).toMatchObject({ status: 201, truncated: false, reused: false, connection: { address: '127.0.0.1' } });
    expect(response.headers['x-two']).toBe('2');
    for (const ms of [response.latencyMs, response.ttfbMs, response.transferMs, response.connection?.tcpMs])
      expect(ms).toBeGreaterThanOrEqual(0);
    expect([response.connection?.dnsMs, response.connection?.tlsMs]).toEqual([undefined, undefined]);
    expect(await send(to, url)).toMatchObject({ status: 201, reused: true });
  });

  it('uses the response that follows an unrequested 100 Continue or early hint', async () => {
    const server = createTcpServer((socket) => {
      socket.once('data', () => {
        socket.write('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n');
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    open.push(() => server.close());
    const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    const to = connections();
    expect(await send(to, url)).toMatchObject({ status: 200, truncated: false });
    to.close();
  });

  it('is not sent if it is no longer allowed when the connection is ready, whether new or reused', async () => {
    let requests = 0;
    const { url, server } = await receiver((_, response) => {
      requests++;
      response.end();
    });
    const found = Promise.withResolvers<string[]>();
    const slow = Object.assign(new DnsResolver(), { addresses: () => found.promise });
    const to = connections({ ...LOOPBACK, SIGNET_WEBHOOKS: 'http=allow,check-dns=off' }, slow);
    let may = true;
    const named = new URL(`http://receiver.example:${url.port}/`);
    const sent = send(to, named, LIMIT_MS, () => may);
    may = false;
    const connected = once(server, 'connection');
    found.resolve(['127.0.0.1']);
    await connected;
    expect(await sent).toMatchObject({ unfinished: true, reused: false });
    expect((await send(to, named)).status).toBe(200);
    expect(await send(to, named, LIMIT_MS, () => false)).toMatchObject({ unfinished: true, reused: true });
    expect(requests).toBe(1);
  });

  it('does not follow a redirect', async () => {
    const trap = await receiver((_, response) => response.end());
    const { url } = await receiver((_, response) => response.writeHead(307, { location: trap.url.href }).end());
    expect(await send(connections(), url)).toMatchObject({ status: 307 });
    expect(trap.connections()).toBe(0);
  });

  it('ends with an error if no response arrives in time', async () => {
    const { url, server } = await receiver(() => undefined);
    expect(await late(connections(), url, once(server, 'request'))).toMatchObject({ error: 'no answer within 60 s', truncated: false });
  });

  it('uses the status of a response whose body does not end, within the usual time limit', async () => {
    const { url } = await receiver((_, response) => void response.writeHead(200).write('slow'));
    expect(await late(connections(), url, answerBegun())).toMatchObject({ status: 200, truncated: true });
  });

  it('reads no more of a response body than necessary', async () => {
    const closed = Promise.withResolvers<void>();
    const { url } = await receiver((_, response) => {
      response.on('close', () => closed.resolve());
      response.writeHead(200);
      const more = (): void => void (response.destroyed || response.write(Buffer.alloc(65_536), () => setImmediate(more)));
      more();
    });
    expect(await send(connections(), url)).toMatchObject({ status: 200, truncated: true });
    await closed.promise;
  });

  it('reports a reset, a refusal, a response that is not HTTP and an unknown name as the reason', async () => {
    const reset = await receiver((request) => request.socket.resetAndDestroy());
    expect(await send(connections(), reset.url)).toMatchObject({ error: 'the connection was closed before a response arrived' });
    const gone = await receiver(() => undefined);
    gone.server.close();
    expect(await send(connections(), gone.url)).toMatchObject({ error: 'connection refused' });
    const tcp = createTcpServer((socket) => socket.end('SSH-2.0-OpenSSH\r\n')).listen(0, '127.0.0.1');
    await once(tcp, 'listening');
    open.push(() => void tcp.close());
    const ssh = new URL(`http://127.0.0.1:${(tcp.address() as AddressInfo).port}/`);
    expect(await send(connections(), ssh)).toMatchObject({ error: 'the response is not HTTP' });
    expect(await send(connections(), new URL('http://nowhere.invalid/'))).toMatchObject({
      error: 'the host of the endpoint does not resolve',
    });
    const plain = await receiver((_, response) => response.end());
    const tls = new URL(plain.url.href.replace('http:', 'https:'));
    expect((await send(connections(), tls)).error).toMatch(/^TLS failed/);
  });

  it('is repeated over a new connection only if a reused one was closed', async () => {
    let requests = 0;
    const sockets = new Set<Socket>();
    const { url, connections: made } = await receiver((request, response) => {
      requests++;
      if (sockets.has(request.socket)) return void request.socket.destroy();
      sockets.add(request.socket);
      response.end();
    });
    const to = connections();
    expect(await send(to, url)).toMatchObject({ status: 200, reused: false });
    expect(await send(to, url)).toMatchObject({ status: 200, reused: false });
    expect([requests, made()]).toEqual([3, 2]);
  });
});

describe('the reported reason', () => {
  /** A server that sends the given bytes. */
  async function tcp(onConnection: (socket: Socket) => void): Promise<number> {
    const server = createTcpServer((socket) => {
      socket.on('error', () => undefined);
      onConnection(socket);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    open.push(() => void server.close());
    return (server.address() as AddressInfo).port;
  }
  const kept: Socket[] = [];
  afterEach(() => kept.splice(0).forEach((socket) => socket.destroy()));

  it('for an address that does not answer is the missing connection', async () => {
    // Linux drops connection requests when the queue is full, and a sleeping process never empties its queue.
    const sleeper = `const s = require('net').createServer().listen(0, '127.0.0.1', 1, () => {
      process.stdout.write(String(s.address().port) + '\\n'); Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60000) })`;
    const child = spawn(process.execPath, ['-e', sleeper], { stdio: ['ignore', 'pipe', 'inherit'] });
    open.push(() => void child.kill('SIGKILL'));
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const port = Number(line.toString());
    for (let i = 0; i < 4; i++) kept.push(connect({ port, host: '127.0.0.1' }).on('error', () => undefined));
    for (const scheme of ['http', 'https'])
      expect(await send(connections(), new URL(`${scheme}://127.0.0.1:${port}/`), 700)).toMatchObject({
        error: 'no connection within 0.7 s',
      });
  });

  it('for a TLS handshake that hangs or is cut off is the handshake', async () => {
    const greeted = Promise.withResolvers<void>();
    const hangs = await tcp((socket) => {
      kept.push(socket);
      socket.once('data', () => greeted.resolve());
    });
    expect(await late(connections(), new URL(`https://127.0.0.1:${hangs}/`), greeted.promise)).toMatchObject({
      error: 'no TLS handshake within 60 s',
    });
    const cut = await tcp((socket) => socket.once('data', () => socket.resetAndDestroy()));
    expect(await send(connections(), new URL(`https://127.0.0.1:${cut}/`))).toMatchObject({
      error: 'TLS failed: the connection was closed',
    });
  });

  it('for https to a port without TLS is the missing TLS', async () => {
    const { url } = await receiver((_, response) => response.end());
    const { error } = await send(connections(), new URL(url.href.replace('http:', 'https:')));
    expect(error).toMatch(/^TLS failed: the server answered without TLS \(\w+\)$/);
  });

  it('for a name that no server resolves is the missing address', async () => {
    class Silent extends DnsResolver {
      override addresses = () => new Promise<string[]>(() => undefined);
    }
    expect(await send(connections(LOOPBACK, new Silent()), new URL('http://silent.example/'), 300)).toMatchObject({
      error: 'no address of the host within 0.3 s',
    });
  });

  it.each(['000', '099'])('for a status %s is that the response is not HTTP, and the attempt is repeated', async (status) => {
    const port = await tcp((socket) => socket.once('data', () => socket.end(`HTTP/1.1 ${status} Nothing\r\ncontent-length: 0\r\n\r\n`)));
    const response = await send(connections(), new URL(`http://127.0.0.1:${port}/`));
    expect(response).toMatchObject({ error: 'the response is not HTTP' });
    expect(response.status).toBeUndefined();
  });

  it('for a broken reused connection near the time limit is ignored, and the attempt is repeated', async () => {
    const sockets = new Set<Socket>();
    const now = performance.now.bind(performance);
    const clock = jest.spyOn(performance, 'now');
    const { url } = await receiver((request, response) => {
      if (sockets.has(request.socket)) {
        clock.mockImplementation(() => now() + 0.8 * LIMIT_MS);
        return void request.socket.destroy();
      }
      sockets.add(request.socket);
      response.end();
    });
    const to = connections();
    expect(await send(to, url)).toMatchObject({ status: 200 });
    const broken = await send(to, url);
    clock.mockRestore();
    expect(broken).toMatchObject({ unfinished: true });
    expect(broken.status).toBeUndefined();
    expect(await send(to, url)).toMatchObject({ status: 200, reused: false });
  });

  it('contains each Retry-After of the response', async () => {
    const { url } = await receiver((_, response) =>
      response
        .writeHead(429, [
          ['retry-after', '30'],
          ['Retry-After', '90'],
        ] as never)
        .end(),
    );
    expect((await send(connections(), url)).retryAfter).toEqual(['30', '90']);
  });
});

describe('a connection', () => {
  it('is checked by the current address of the name, not by the address when the endpoint was created', async () => {
    const trap = await receiver((_, response) => response.end());
    let address = '93.184.216.34';
    const names = new Names(() => [address]);
    const env = { SIGNET_WEBHOOKS: 'http=allow' };
    const url = new URL(`http://rebound.example:${trap.url.port}/hook`);
    await new SsrfGuard(readConfig(env), names).validate(url.href);
    for (address of ['127.0.0.1', '::1', '::ffff:127.0.0.1', '0.0.0.0'])
      expect(await send(connections(env, names), url)).toMatchObject({ error: 'requests to this address are blocked' });
    // The name has a public and a private address, and the next look-up may return either.
    const mixed = new Names(() => ['93.184.216.34', '127.0.0.1']);
    expect(await send(connections(env, mixed), url)).toMatchObject({ error: 'requests to this address are blocked' });
    expect(trap.connections()).toBe(0);
  });

  it('is also checked if the URL has a literal address', async () => {
    const trap = await receiver((_, response) => response.end());
    for (const host of ['127.0.0.1', '2130706433', '0x7f.1', '[::ffff:7f00:1]', '[::1]', '0.0.0.0'])
      expect(await send(connections({ SIGNET_WEBHOOKS: 'http=allow' }), new URL(`http://${host}:${trap.url.port}/`))).toMatchObject({
        error: 'requests to this address are blocked',
      });
    expect(trap.connections()).toBe(0);
  });

  it('is checked by the address that it connects to, whatever the look-up returned', async () => {
    const requests: string[] = [];
    const trap = await receiver((request, response) => (requests.push(request.url ?? ''), response.end()));
    class Fooled extends SsrfGuard {
      override resolve = async () => ['127.0.0.1'];
    }
    const fooled = new ConnectionPool(new Fooled(readConfig({ SIGNET_WEBHOOKS: 'http=allow' }), new DnsResolver()), LIMIT_MS);
    open.push(() => fooled.close());
    const response = await send(fooled, new URL(`http://fooled.example:${trap.url.port}/`));
    expect([response.error, requests]).toEqual(['requests to this address are blocked', []]);
  });
});
