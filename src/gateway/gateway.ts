import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { type AddressInfo, type ListenOptions } from 'node:net';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { Clock } from '../platform/common/clock.js';
import { ConnectionDrain } from '../platform/common/connection-drain.js';
import type { GatewayConfig } from '../platform/config/gateway-config.js';
import { createLogger } from '../platform/observability/logger.js';
import { sendJson, sendRefusal } from './http/responses.js';
import { ContactMonitor } from './observability/contact-monitor.js';
import { ControlPlaneClient } from './control-plane/control-plane-client.js';
import { ChangeReplicator } from './replication/change-replicator.js';
import { GatewayMetrics } from './observability/gateway-metrics.js';
import { HaproxySync } from './haproxy/haproxy-sync.js';
import { KeyStore } from './keys/key-store.js';
import { OpenConnections } from './signing/open-connections.js';
import { SigningProxy } from './proxy/signing-proxy.js';
import { type RefusalReason, REFUSALS } from './http/refusals.js';
import { Reporter } from './session/reporter.js';
import { SignEndpoint } from './sign-endpoint/sign-endpoint.js';
import { InFlightRequests } from './session/in-flight-requests.js';
import { Session } from './session/session.js';
import { Signer } from './signing/signer.js';
import { StateFile } from './session/state-file.js';
import { isWebSocketUpgrade, rawResponse } from './proxy/upgrade.js';
import { UsageCounter } from './session/usage-counter.js';

/** A running gateway node. */
export interface Gateway {
  /** Port of the signing proxy; undefined if there is no upstream. */
  readonly proxyPort: number | undefined;
  /** Port of `/sign`, `/readyz`, `/healthz` and `/metrics`. */
  readonly signPort: number;
  /** Why the node does not sign; undefined if it signs. */
  readonly unready: string | undefined;
  readonly appliedRevision: number;
  /** Stops the node: it becomes not ready, stops accepting connections, drains the open ones, and sends a last report. */
  close(): Promise<void>;
}

/** Maximum size of all headers together, in bytes (docs/contracts/apig.md §5.6). */
const ALL_HEADERS = 128 * 1024;

/**
 * Starts a gateway node. It listens at once, and signs when it has registered and applied a snapshot.
 * @throws Error with the code `EADDRINUSE` when a port is in use
 */
export async function startGateway(config: GatewayConfig, logger: Logger = createLogger(config.logLevel)): Promise<Gateway> {
  const clock = new Clock();
  const keys = new KeyStore();
  const usage = new UsageCounter();
  const requests = new InFlightRequests();
  const controlPlane = new ControlPlaneClient(config);
  const stateFile = config.stateFolder === undefined ? undefined : StateFile.open(config.stateFolder, config.instanceId, logger);
  const session: Session = new Session(
    config,
    controlPlane,
    keys,
    requests,
    usage,
    clock,
    config.haproxy !== undefined,
    stateFile,
    {
      dropKeys: () => replicator.dropKeys(),
      takeSnapshot: () => replicator.takeSnapshot(),
      reportSoon: () => reporter.reportSoon(),
      grantedLeaseSeconds: () => (haproxy ? haproxy.grantedLeaseSeconds : 0),
    },
    logger,
  );
  const metrics = new GatewayMetrics(keys, session);
  const connections = new OpenConnections(keys, session, requests, metrics, logger);
  const contact = new ContactMonitor(session, logger);
  const signer = new Signer(keys, session, requests, config, usage, metrics, clock, logger, connections);
  const haproxy = config.haproxy && new HaproxySync(config.haproxy, config, keys, session, usage, clock, logger);
  const replicator = new ChangeReplicator(controlPlane, keys, haproxy ? [haproxy] : [], session, logger);
  const reporter = new Reporter(session, logger);
  const stopping = new AbortController();
  let leaving = false;

  const endpoint = new SignEndpoint(signer, config);
  const signServer = serve((request, response) => {
    if (endpoint.handle(request, response)) return;
    const [path] = (request.url ?? '').split('?', 1);
    if (path === '/healthz') sendJson(response, 200, { status: 'ok' });
    else if (path === '/readyz') {
      const unready = leaving ? 'stopping' : signer.unready;
      sendJson(response, unready ? 503 : 200, unready ? { status: 'not ready', reason: unready } : { status: 'ready' });
    } else if (path === '/metrics') {
      void metrics.registry.metrics().then((text) => response.writeHead(200, { 'content-type': metrics.registry.contentType }).end(text));
    } else sendRefusal(request, response, REFUSALS.api_unknown);
  });
  const proxy = config.upstream && new SigningProxy(signer, config, config.upstream, logger);
  const proxyServer = proxy && serve((request, response) => proxy.handle(request, response), isWebSocketUpgrade);
  proxyServer?.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    proxy?.upgrade(request, socket, head);
  });

  const servers = proxyServer ? [signServer, proxyServer] : [signServer];
  const drains = servers.map((server) => {
    server.keepAliveTimeout = config.keepAliveMs;
    return new ConnectionDrain(server);
  });
  try {
    await listen(signServer, config.sign);
    if (proxyServer) await listen(proxyServer, config.proxy);
  } catch (error) {
    for (const server of servers) server.close();
    await controlPlane.close();
    throw error;
  }

  const { signal } = stopping;
  const following = replicator.run(signal).then(() => {
    if (session.gatewayDeleted && !signal.aborted) reporter.reportLeaving();
  });
  const work = Promise.all([reporter.run(signal), following, haproxy?.watch(signal)]);
  work.catch((error: unknown) => logger.fatal({ err: error }, 'replication has stopped; restart the gateway node'));

  return {
    proxyPort: proxyServer && (proxyServer.address() as AddressInfo).port,
    signPort: (signServer.address() as AddressInfo).port,
    get unready() {
      return signer.unready;
    },
    get appliedRevision() {
      return session.appliedRevision;
    },
    async close() {
      if (leaving) return;
      leaving = true;
      // The node signs and replicates until the end of this delay, so that load balancers notice first that /readyz fails.
      await delay(config.drainMs);
      await Promise.all(drains.map((drain) => drain.run(config.shutdownGraceMs)));
      stopping.abort();
      await work.catch(() => undefined);
      proxy?.close();
      connections.stop();
      contact.stop();
      // While an HAProxy continues to sign with its table, the session must not end.
      const gone = haproxy ? await haproxy.stop() : true;
      await reporter.finish({ leaving: gone });
      keys.drop();
      stateFile?.close();
      await controlPlane.close();
    },
  };
}

/** Refusals for the errors of Node's HTTP parser. */
const PARSER_REFUSALS: Record<string, RefusalReason> = {
  HPE_HEADER_OVERFLOW: 'headers_too_large',
  HPE_INVALID_METHOD: 'method_not_allowed',
};

/** @param shouldUpgradeCallback decides which requests are upgrades; `Upgrade` headers of other requests are ignored */
function serve(listener: RequestListener, shouldUpgradeCallback: (request: IncomingMessage) => boolean = () => false): Server {
  const server = createServer({ maxHeaderSize: ALL_HEADERS, requestTimeout: 300_000, noDelay: true, shouldUpgradeCallback }, listener);
  // The entrypoints send `100 Continue` themselves, when they need the body.
  server.on('checkContinue', listener);
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    if (!socket.writable) return void socket.destroy();
    socket.end(rawResponse(REFUSALS[PARSER_REFUSALS[error.code ?? ''] ?? 'bad_request']));
  });
  server.on('connect', (_request: IncomingMessage, socket: Duplex) => {
    socket.on('error', () => socket.destroy()).end(rawResponse(REFUSALS.method_not_allowed));
  });
  return server;
}

async function listen(server: Server, { host, port }: ListenOptions): Promise<void> {
  server.listen({ host, port });
  await once(server, 'listening');
}
