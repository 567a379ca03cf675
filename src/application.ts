import type { Socket } from 'node:net';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { type FastifyBaseLogger, type FastifyHttpOptions, type FastifyInstance, LogController } from 'fastify';
import type { IncomingMessage, Server } from 'node:http';
import type { Logger } from 'pino';
import { AppModule } from './app.module.js';
import { Denials } from './platform/audit/denials.service.js';
import { observeDenials } from './platform/audit/observe-denials.js';
import { Admission } from './platform/auth/admission.js';
import { admitRequests } from './platform/auth/admit-requests.js';
import { sendError } from './platform/common/api-error.filter.js';
import { ApiFault } from './platform/common/api-error.js';
import { refuseDryRuns } from './platform/common/dry-run.js';
import { newId } from './platform/common/ids.js';
import type { Config } from './platform/config/config.js';
import { Database } from './platform/database/database.js';
import { readBodies } from './platform/edge/bodies.js';
import { serveConsole } from './platform/edge/console.js';
import { allowOrigins } from './platform/edge/cors.js';
import { readForwardedFor } from './platform/edge/forwarded-for.js';
import { limitAddresses } from './platform/edge/limit-addresses.js';
import { refuseWhileHeld } from './platform/edge/refuse-while-held.js';
import { limitPrincipals } from './platform/edge/limit-principals.js';
import { RateLimits } from './platform/edge/rate-limits.service.js';
import { setSecurityHeaders } from './platform/edge/security-headers.js';
import { renewTls, tlsOptions } from './platform/edge/tls.js';
import { NestLogger } from './platform/observability/logger.js';
import { Metrics } from './platform/observability/metrics.js';
import { observeRequests, requestIdOf, requestIds, RequestLogger } from './platform/observability/request-log.js';
import { serveReference } from './platform/openapi/openapi.js';
import { Pulse } from './platform/recovery/pulse.js';

/** Tokens of some identity services take several kilobytes. */
const HEADERS_MAX_BYTES = 32_768;
const PATH_PARAMETER_MAX_CHARS = 16_384;

/**
 * Creates the control plane; it does not listen yet.
 * @throws Error for the operator when the database or the key-encryption keys cannot be used
 */
export async function createApplication(config: Config, logger: Logger): Promise<NestFastifyApplication> {
  const nextId = requestIds();
  // By default Node checks for slow clients only every 30 s.
  const port = {
    maxHeaderSize: HEADERS_MAX_BYTES,
    headersTimeout: config.headersTimeoutMs,
    requestTimeout: config.requestTimeoutMs,
    connectionsCheckingInterval: 1000,
  };
  const options: FastifyHttpOptions<Server, FastifyBaseLogger> = {
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true }),
    childLoggerFactory: (parent, bindings, own) => new RequestLogger(parent, bindings, own),
    requestIdHeader: false,
    genReqId: (request: IncomingMessage) => requestIdOf(request.headers['x-request-id'], nextId, request.url?.startsWith('/v1/')),
    ...(config.edge.trustedProxies.length > 0 && { trustProxy: [...config.edge.trustedProxies] }),
    bodyLimit: config.bodyLimitBytes,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: PATH_PARAMETER_MAX_CHARS },
    requestTimeout: config.requestTimeoutMs,
    ...(config.edge.tls ? { https: { ...port, ...tlsOptions(config.edge.tls, config.headersTimeoutMs) } } : { http: port }),
    clientErrorHandler: refuseConnection,
    frameworkErrors: (error, request, reply) => {
      reply.header('x-request-id', request.id);
      sendError(error, request, reply);
    },
  };
  const adapter = new FastifyAdapter(options as ConstructorParameters<typeof FastifyAdapter>[0]);
  const app = await NestFactory.create<NestFastifyApplication>(await AppModule.for(config), adapter, {
    bodyParser: false,
    logger: new NestLogger(logger),
    abortOnError: false,
  });
  const server = adapter.getInstance<FastifyInstance>();
  readForwardedFor(server, config);
  await setSecurityHeaders(server, config);
  allowOrigins(app, config);
  server.addHook('onRequest', (request, _reply, done) => {
    // Compressed bodies are refused, because their real size is unknown.
    const { 'content-encoding': coding = 'identity', 'content-type': type } = request.headers;
    const { ignoresBody } = request.routeOptions.config;
    if (coding !== 'identity' && !ignoresBody) return done(new ApiFault('media_type'));
    // Fastify would refuse a malformed Content-Type before the guard runs.
    if (ignoresBody && type !== undefined && !/^[\w.+-]+\/[\w.+-]+/.test(type)) delete request.raw.headers['content-type'];
    done(isDecodable(queryOf(request.raw.url)) ? undefined : new ApiFault('bad_url'));
  });
  server.server.keepAliveTimeout = config.keepAliveMs;
  closeConnectionsAtTheEnd(server);
  if (config.edge.tls) renewTls(server, config.edge.tls, logger);
  const database = app.get(Database);
  // The database deadline starts after the body is read, so that a slow client does not use it up.
  server.addHook('preHandler', (_request, reply, done) => database.request(() => reply.raw.headersSent, done));
  observeRequests(server, app.get(Metrics));
  observeDenials(server, app.get(Denials));
  limitAddresses(server, app.get(RateLimits), config, logger);
  readBodies(server, config);
  admitRequests(server, app.get(Admission), database);
  limitPrincipals(server, app.get(RateLimits));
  refuseWhileHeld(server, app.get(Pulse));
  refuseDryRuns(server);
  serveReference(app);
  await serveConsole(server, config, logger);
  return app;
}

function queryOf(url = ''): string {
  const mark = url.indexOf('?');
  return mark === -1 ? '' : url.slice(mark + 1);
}

/** A malformed percent-encoding: the router refuses it in a path, but its query parser would guess. */
function isDecodable(query: string): boolean {
  if (!query.includes('%')) return true;
  try {
    decodeURIComponent(query);
    return true;
  } catch {
    return false;
  }
}

const SWEEP_MS = 50;

/**
 * Closes connections at shutdown, so that the port closes. Node itself waits for keep-alive connections that were busy when it closed, and
 * for ever for those on which nothing was ever sent, which clients open in advance.
 */
function closeConnectionsAtTheEnd(app: FastifyInstance): void {
  const open = new Set<Socket>();
  let closing = false;
  const sweep = () => {
    app.server.closeIdleConnections();
    for (const socket of open) if (socket.bytesRead === 0) socket.destroy();
  };
  app.server.on('connection', (socket: Socket) => {
    if (closing) return void socket.destroy();
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  });
  app.addHook('preClose', (done) => {
    closing = true;
    const timer = setInterval(sweep, SWEEP_MS);
    app.server.once('close', () => clearInterval(timer));
    sweep();
    done();
  });
}

/**
 * Answers errors that Node reports before there is a request: headers too large, not HTTP, timeout. The path is unknown, so the error has
 * the format of APIG.
 */
function refuseConnection(this: FastifyInstance, error: NodeJS.ErrnoException, socket: Socket): void {
  // The connection speaks no TLS, so no answer is possible.
  if (
    error.code === 'ECONNRESET' ||
    error.code?.startsWith('ERR_SSL') ||
    error.code?.startsWith('ERR_TLS') ||
    socket.destroyed ||
    !socket.writable
  )
    return void socket.destroy();
  const [status, reason, code, message] =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? [431, 'Request Header Fields Too Large', 'APIG.0201', 'Request headers too large.']
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? [408, 'Request Timeout', 'APIG.0201', 'Request timeout.']
        : [400, 'Bad Request', 'APIG.2000', 'Parameter error: malformed HTTP'];
  const body = JSON.stringify({ error_code: code, error_msg: message });
  socket.end(
    `HTTP/1.1 ${status} ${reason}\r\nContent-Type: application/json; charset=utf-8\r\nX-Request-Id: ${newId()}\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}
