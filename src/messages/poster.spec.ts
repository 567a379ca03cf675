import { afterEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net';
import { readConfig } from '../config/config.js';
import { Resolver, Targets } from '../endpoints/targets.js';
import { Connections } from './connections.js';
import { type Exchange, post } from './poster.js';

const LOOPBACK = { SIGNET_WEBHOOK_ALLOW_HTTP: 'true', SIGNET_WEBHOOK_ALLOW_CIDRS: '127.0.0.0/8' };
const BODY = Buffer.from('{"event":"order.created","order_id":"ord_123"}');

class Names extends Resolver {
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

function connections(env: Record<string, string> = LOOPBACK, resolver: Resolver = new Resolver()): Connections {
  const made = new Connections(new Targets(readConfig(env), resolver), 2000);
  open.push(() => made.close());
  return made;
}

const send = (to: Connections, url: URL, timeoutMs = 5000): Promise<Exchange> =>
  post(to, url, { 'content-type': 'application/json', 'x-one': '1' }, BODY, timeoutMs);

describe('a POST', () => {
  it('brings the bytes, the headers, the path and the query, and times what it did', async () => {
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
    const exchange = await send(to, url);
    expect(seen).toEqual([['POST', '/hook?x=1', '1', url.host, true]]);
    expect(exchange).toMatchObject({ status: 201, truncated: false, reused: false, made: { address: '127.0.0.1' } });
    expect(exchange.headers['x-two']).toBe('2');
    for (const ms of [exchange.latencyMs, exchange.ttfbMs, exchange.transferMs, exchange.made?.tcpMs]) expect(ms).toBeGreaterThanOrEqual(0);
    expect([exchange.made?.dnsMs, exchange.made?.tlsMs]).toEqual([undefined, undefined]);
    expect(await send(to, url)).toMatchObject({ status: 201, reused: true });
  });

  it('does not follow a redirect', async () => {
    const trap = await receiver((_, response) => response.end());
    const { url } = await receiver((_, response) => response.writeHead(307, { location: trap.url.href }).end());
    expect(await send(connections(), url)).toMatchObject({ status: 307 });
    expect(trap.connections()).toBe(0);
  });

  it('gives up when no answer comes in time', async () => {
    const { url } = await receiver(() => undefined);
    expect(await send(connections(), url, 200)).toMatchObject({ error: 'no answer within 0.2 s', truncated: false });
  });

  it('takes the status of an answer whose body does not end, and waits no longer than for any answer', async () => {
    const { url } = await receiver((_, response) => void response.writeHead(200).write('slow'));
    expect(await send(connections(), url, 200)).toMatchObject({ status: 200, truncated: true });
  });

  it('reads no more of a body than it has use for', async () => {
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

  it('says why there was no answer: reset, refused, no HTTP, no name', async () => {
    const reset = await receiver((request) => request.socket.resetAndDestroy());
    expect(await send(connections(), reset.url)).toMatchObject({ error: 'the connection was closed before an answer came' });
    const gone = await receiver(() => undefined);
    gone.server.close();
    expect(await send(connections(), gone.url)).toMatchObject({ error: 'connection refused' });
    const tcp = createTcpServer((socket) => socket.end('SSH-2.0-OpenSSH\r\n')).listen(0, '127.0.0.1');
    await once(tcp, 'listening');
    open.push(() => void tcp.close());
    const ssh = new URL(`http://127.0.0.1:${(tcp.address() as AddressInfo).port}/`);
    expect(await send(connections(), ssh)).toMatchObject({ error: 'the answer is not HTTP' });
    expect(await send(connections(), new URL('http://nowhere.invalid/'))).toMatchObject({
      error: 'the host of the endpoint does not resolve',
    });
    const plain = await receiver((_, response) => response.end());
    const tls = new URL(plain.url.href.replace('http:', 'https:'));
    expect((await send(connections(), tls)).error).toMatch(/^TLS failed/);
  });

  it('goes on over a new connection when a kept one is closed under it, and only then', async () => {
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

describe('a connection', () => {
  it('is judged where the name leads now, not where it led when the endpoint was created', async () => {
    const trap = await receiver((_, response) => response.end());
    let address = '93.184.216.34';
    const names = new Names(() => [address]);
    const env = { SIGNET_WEBHOOK_ALLOW_HTTP: 'true' };
    const url = new URL(`http://rebound.example:${trap.url.port}/hook`);
    await new Targets(readConfig(env), names).judge(url.href);
    for (address of ['127.0.0.1', '::1', '::ffff:127.0.0.1', '0.0.0.0'])
      expect(await send(connections(env, names), url)).toMatchObject({ error: 'requests to this address are blocked' });
    // Public and private at once: the next look-up may get either.
    const mixed = new Names(() => ['93.184.216.34', '127.0.0.1']);
    expect(await send(connections(env, mixed), url)).toMatchObject({ error: 'requests to this address are blocked' });
    expect(trap.connections()).toBe(0);
  });

  it('is judged as a literal too, where no name is looked up', async () => {
    const trap = await receiver((_, response) => response.end());
    for (const host of ['127.0.0.1', '2130706433', '0x7f.1', '[::ffff:7f00:1]', '[::1]', '0.0.0.0'])
      expect(await send(connections({ SIGNET_WEBHOOK_ALLOW_HTTP: 'true' }), new URL(`http://${host}:${trap.url.port}/`))).toMatchObject({
        error: 'requests to this address are blocked',
      });
    expect(trap.connections()).toBe(0);
  });

  it('is judged by the address it is connected to, whatever the look-up said', async () => {
    const requests: string[] = [];
    const trap = await receiver((request, response) => (requests.push(request.url ?? ''), response.end()));
    class Fooled extends Targets {
      override resolve = async () => ['127.0.0.1'];
    }
    const fooled = new Connections(new Fooled(readConfig({ SIGNET_WEBHOOK_ALLOW_HTTP: 'true' }), new Resolver()), 2000);
    open.push(() => fooled.close());
    const exchange = await send(fooled, new URL(`http://fooled.example:${trap.url.port}/`));
    expect([exchange.error, requests]).toEqual(['requests to this address are blocked', []]);
  });
});
