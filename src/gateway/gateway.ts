import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { type AddressInfo, type ListenOptions } from 'node:net';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import type { Logger } from 'pino';
import { Clock } from '../common/clock.js';
import type { GatewayConfig } from '../config/gateway-config.js';
import { createLogger } from '../observability/logger.js';
import { answerJson, answerRefusal } from './answers.js';
import { ControlPlane } from './control-plane.js';
import { Follower } from './follower.js';
import { GatewayMetrics } from './gateway-metrics.js';
import { HaproxyMirror } from './haproxy-mirror.js';
import { HeldKeys } from './held-keys.js';
import { Lease } from './lease.js';
import { SigningProxy } from './proxy.js';
import { REFUSALS } from './refusals.js';
import { Reporter } from './reporter.js';
import { SignEndpoint } from './sign-endpoint.js';
import { Signer } from './signer.js';
import { rawAnswer } from './upgrade.js';
import { UsageCounter } from './usage-counter.js';

/** A gateway node that runs. */
export interface Gateway {
  /** Of the signing proxy; undefined when there is no upstream. */
  readonly proxyPort: number | undefined;
  /** Of `/sign`, `/readyz`, `/healthz` and `/metrics`. */
  readonly signPort: number;
  /** Why it signs nothing right now; undefined when it does. */
  readonly unready: string | undefined;
  readonly appliedRevision: number;
  /** Takes no new requests, lets those under way finish for as long as the configuration says, reports its last counts. */
  close(): Promise<void>;
}

/** All the headers together, as the contract limits them (apig §5.6). */
const ALL_HEADERS = 128 * 1024;

/**
 * Starts a gateway node: it listens at once, and signs when the control plane knows it and a snapshot is here.
 * @throws what a port that is taken throws
 */
export async function startGateway(config: GatewayConfig, logger: Logger = createLogger(config.logLevel)): Promise<Gateway> {
  const clock = new Clock();
  const held = new HeldKeys();
  const lease = new Lease(clock, held);
  const usage = new UsageCounter();
  const metrics = new GatewayMetrics(held);
  const signer = new Signer(held, lease, config, usage, metrics, clock, logger);
  const controlPlane = new ControlPlane(config);
  const haproxy = config.haproxy && new HaproxyMirror(config.haproxy, config.unbound, lease, usage, clock, logger);
  const follower: Follower = new Follower(controlPlane, held, haproxy ? [haproxy] : [], lease, () => reporter.acknowledge(), logger);
  const reporter = new Reporter(controlPlane, held, lease, usage, () => follower.denied(), clock.now(), logger);
  const stopping = new AbortController();

  const endpoint = new SignEndpoint(signer, config);
  const signServer = serve((request, response) => {
    if (endpoint.handle(request, response)) return;
    const [path] = (request.url ?? '').split('?', 1);
    if (path === '/healthz') answerJson(response, 200, { status: 'ok' });
    else if (path === '/readyz') {
      const unready = stopping.signal.aborted ? 'stopping' : signer.unready;
      answerJson(response, unready ? 503 : 200, unready ? { status: 'not ready', reason: unready } : { status: 'ready' });
    } else if (path === '/metrics') {
      void metrics.registry.metrics().then((text) => response.writeHead(200, { 'content-type': metrics.registry.contentType }).end(text));
    } else answerRefusal(request, response, REFUSALS.api_unknown);
  });
  const proxy = config.upstream && new SigningProxy(signer, config, config.upstream, logger);
  const proxyServer = proxy && serve((request, response) => proxy.handle(request, response));
  const upgraded = new Set<Duplex>();
  proxyServer?.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    upgraded.add(socket);
    socket.once('close', () => upgraded.delete(socket));
    proxy?.upgrade(request, socket, head);
  });

  const servers = proxyServer ? [signServer, proxyServer] : [signServer];
  try {
    await listen(signServer, config.sign);
    if (proxyServer) await listen(proxyServer, config.proxy);
  } catch (error) {
    for (const server of servers) server.close();
    await controlPlane.close();
    throw error;
  }

  const { signal } = stopping;
  const work = Promise.all([reporter.run(signal), follower.run(signal), haproxy?.watch(signal)]);
  work.catch((error: unknown) => logger.fatal({ err: error }, 'the gateway node has stopped following the control plane'));

  return {
    proxyPort: proxyServer && (proxyServer.address() as AddressInfo).port,
    signPort: (signServer.address() as AddressInfo).port,
    get unready() {
      return signer.unready;
    },
    get appliedRevision() {
      return held.appliedRevision;
    },
    async close() {
      if (signal.aborted) return;
      stopping.abort();
      await Promise.all(servers.map((server) => closed(server, upgraded, config.shutdownGraceMs)));
      await Promise.all([work.catch(() => undefined), proxy?.close()]);
      await haproxy?.count().catch(() => undefined);
      held.drop();
      // An HAProxy goes on signing with what it has, so then the node stays on the list.
      await reporter.finish({ leaving: !haproxy });
      await controlPlane.close();
    },
  };
}

function serve(listener: RequestListener): Server {
  const server = createServer({ maxHeaderSize: ALL_HEADERS, requestTimeout: 300_000, noDelay: true }, listener);
  // The faces answer `100 Continue` themselves, once they know that they want the body.
  server.on('checkContinue', listener);
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    if (!socket.writable) return void socket.destroy();
    socket.end(rawAnswer(error.code === 'HPE_HEADER_OVERFLOW' ? REFUSALS.headers_too_large : REFUSALS.bad_request));
  });
  return server;
}

async function listen(server: Server, { host, port }: ListenOptions): Promise<void> {
  server.listen({ host, port });
  await once(server, 'listening');
}

const SWEEP_MS = 50;

/** Requests under way finish; connections that idle, and upgraded ones when the grace is over, are closed. */
async function closed(server: Server, upgraded: ReadonlySet<Duplex>, graceMs: number): Promise<void> {
  const end = new Promise<void>((resolve) => void server.close(() => resolve()));
  const sweep = setInterval(() => server.closeIdleConnections(), SWEEP_MS);
  const cut = setTimeout(() => {
    server.closeAllConnections();
    for (const socket of upgraded) socket.destroy();
  }, graceMs);
  await end;
  clearInterval(sweep);
  clearTimeout(cut);
}
