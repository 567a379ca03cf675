import type { Socket } from 'node:net';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { type FastifyBaseLogger, type FastifyHttpOptions, type FastifyInstance, type FastifyRequest, LogController } from 'fastify';
import type { IncomingMessage, Server } from 'node:http';
import type { Logger } from 'pino';
import { parse as parseJson } from 'secure-json-parse';
import { AppModule } from './app.module.js';
import { Denials } from './audit/denials.service.js';
import { observeDenials } from './audit/observe-denials.js';
import { keepRawBody, keepUnreadBodies } from './auth/raw-body.js';
import { sendError } from './common/api-error.filter.js';
import { Fault } from './common/api-error.js';
import { newId } from './common/ids.js';
import type { Config } from './config/config.js';
import { allowOrigins } from './edge/cors.js';
import { limitAddresses } from './edge/limit-addresses.js';
import { Quotas } from './edge/quotas.service.js';
import { setSecurityHeaders } from './edge/security-headers.js';
import { renewTls, tlsOptions } from './edge/tls.js';
import { NestLogger } from './observability/logger.js';
import { Metrics } from './observability/metrics.js';
import { observeRequests, requestIdOf, requestIds, RequestLogger } from './observability/request-log.js';
import { serveReference } from './openapi/openapi.js';

/** Tokens of some identity services take several kilobytes. */
const HEADERS_MAX_BYTES = 32_768;
const PATH_PARAMETER_MAX_CHARS = 16_384;

/**
 * The control plane as an application that does not listen yet.
 * @throws Error in the operator's words when the database or the key-encryption keys cannot be used
 */
export async function createApplication(config: Config, logger: Logger): Promise<NestFastifyApplication> {
  const nextId = requestIds();
  // Without the interval Node looks at slow clients only every 30 s.
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
  const app = await NestFactory.create<NestFastifyApplication>(AppModule.for(config), adapter, {
    bodyParser: false,
    logger: new NestLogger(logger),
    abortOnError: false,
  });
  const decoder = new TextDecoder('utf-8', { fatal: true });
  // Huawei's SDK sends `content-type: application/json` on DELETE and GET without a body; Fastify's own parser answers 400.
  app.useBodyParser('application/json', { bodyLimit: config.bodyLimitBytes }, (request, body, done) => {
    keepRawBody(request as FastifyRequest, body);
    if (body.length === 0) return done(null, undefined);
    try {
      done(null, parseJson(decoder.decode(body), { protoAction: 'error', constructorAction: 'error' }));
    } catch (error) {
      done(Object.assign(new Error('unparsable', { cause: error }), { statusCode: 400 }));
    }
  });
  const server = adapter.getInstance<FastifyInstance>();
  // A body of no bytes has no type that could be wrong: `curl -X POST -d ''` calls it a form.
  server.removeContentTypeParser('text/plain');
  server.addContentTypeParser('*', (request, _payload, done) => {
    const { 'content-length': length = '0', 'transfer-encoding': coding } = request.headers;
    if (length === '0' && coding === undefined) return done(null, undefined);
    done(Object.assign(new Error('media type'), { statusCode: 415 }));
  });
  keepUnreadBodies(server, config.bodyLimitBytes);
  await setSecurityHeaders(server, config);
  allowOrigins(app, config);
  server.addHook('onRequest', (request, _reply, done) => {
    // A body is never unpacked: what it would become is not known before.
    if (request.headers['content-encoding'] !== undefined && request.headers['content-encoding'] !== 'identity')
      return done(new Fault('media_type'));
    done(isDecodable(queryOf(request.raw.url)) ? undefined : new Fault('bad_url'));
  });
  closeConnectionsAtTheEnd(server);
  if (config.edge.tls) renewTls(server, config.edge.tls, logger);
  observeRequests(server, app.get(Metrics));
  observeDenials(server, app.get(Denials));
  limitAddresses(server, app.get(Quotas), config, logger);
  serveReference(app);
  return app;
}

function queryOf(url = ''): string {
  const mark = url.indexOf('?');
  return mark === -1 ? '' : url.slice(mark + 1);
}

/** The router refuses a path that is not percent-encoded; its query parser would read something else out of such a query. */
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
 * Lets the port close. Node waits for connections that were busy when it closed and are kept alive after their answer, and for ever
 * for those on which nothing was ever sent, which to it are neither idle nor busy; clients open some in advance.
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

/** What Node refuses before there is a request: headers too large, not HTTP, too slow. The path is unknown, so the words are APIG's. */
function refuseConnection(this: FastifyInstance, error: NodeJS.ErrnoException, socket: Socket): void {
  // What was no TLS cannot be answered in TLS.
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
