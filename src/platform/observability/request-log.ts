import { randomBytes } from 'node:crypto';
import type { FastifyBaseLogger, FastifyInstance, FastifyRequest } from 'fastify';
import type { Bindings, ChildLoggerOptions } from 'pino';
import type { Metrics } from './metrics.js';

/**
 * Writes one log line and one measurement per request: method, path, status, duration, request id and user. The path has no query, and
 * parameters that are not ids are masked. Headers, bodies and queries are never logged, because they may contain secrets.
 */
export function observeRequests(app: FastifyInstance, metrics: Metrics): void {
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id);
    done();
  });
  // A logger without redaction: none of the fields below is redacted, and the search for them would take twenty times as long as the line.
  const lines = app.log.child({}, { redact: { paths: [] } });
  app.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'unknown';
    metrics.requests.observe({ method: request.method, route, status: reply.statusCode }, reply.elapsedTime / 1000);
    lines.info(
      {
        reqId: request.id,
        method: request.method,
        path: pathOf(request),
        status: reply.statusCode,
        durationMs: Math.round(reply.elapsedTime * 100) / 100,
        user: request.principal?.userId,
        project: request.principal?.projectId,
      },
      'request',
    );
    done();
  });
}

/** Formats of path parameters that are logged: ids, numbers, access keys, and the id of the default environment. */
const ID = /^(?:(?:[a-z]{2,4}_)?[0-9a-f]{32}|[0-9a-f-]{36}|\d{1,15}|[A-Z0-9]{20}|DEFAULT_ENVIRONMENT_RELEASE_ID)$/;
const MASKED = '***';

/**
 * Returns the path for the log. Callers put secrets in place of ids by mistake, so parameters that are not ids are masked. Of an unknown
 * route, only the prefix is logged.
 */
function pathOf({ url, routeOptions, params }: FastifyRequest): string {
  const route = routeOptions.url;
  if (route === undefined) return `/${/^\/(v\d(?:\.\d)?|signet)(?=[/?]|$)/.exec(url)?.[1] ?? ''}${MASKED}`;
  const given = params as Record<string, string | undefined>;
  return route.replace(/:([A-Za-z_]+)|\*$/g, (_, name: string | undefined) => {
    const value = name === undefined ? undefined : given[name];
    return value !== undefined && ID.test(value) ? value : MASKED;
  });
}

/** The logger of a request, created on first use. A child logger costs more than routing, and most requests log only the line above. */
export class RequestLogger implements FastifyBaseLogger {
  #made: FastifyBaseLogger | undefined;

  constructor(
    private readonly parent: FastifyBaseLogger,
    private readonly bindings: Bindings,
    private readonly options: ChildLoggerOptions,
  ) {}

  private get own(): FastifyBaseLogger {
    return (this.#made ??= this.parent.child(this.bindings, this.options));
  }

  private write(level: 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent', line: unknown[]): void {
    Reflect.apply(this.own[level], this.own, line);
  }

  get level() {
    return this.own.level;
  }
  fatal(...line: unknown[]): void {
    this.write('fatal', line);
  }
  error(...line: unknown[]): void {
    this.write('error', line);
  }
  warn(...line: unknown[]): void {
    this.write('warn', line);
  }
  info(...line: unknown[]): void {
    this.write('info', line);
  }
  debug(...line: unknown[]): void {
    this.write('debug', line);
  }
  trace(...line: unknown[]): void {
    this.write('trace', line);
  }
  silent(...line: unknown[]): void {
    this.write('silent', line);
  }
  child(bindings: Bindings, options?: ChildLoggerOptions): FastifyBaseLogger {
    return this.own.child(bindings, options);
  }
}

/**
 * Returns a function that creates request ids: 32 hex digits, made of a random prefix per process and a counter. Random bytes for each
 * request would cost more than its routing.
 */
export function requestIds(): () => string {
  const process = randomBytes(8).toString('hex');
  let count = 0;
  return () => process + (count++).toString(16).padStart(16, '0');
}

const SANE = /^[A-Za-z0-9_.:+/=-]{1,124}$/;
const PREFIX = 'req_';

/**
 * Returns the caller's `X-Request-Id` if it is well-formed, so that requests can be traced across services; otherwise `fresh()`.
 * @param prefixed whether the contract of the path requires ids that begin with `req_` (docs/contracts/endpoints.md §1.3)
 */
export function requestIdOf(header: string | string[] | undefined, fresh: () => string, prefixed = false): string {
  const id = typeof header === 'string' && SANE.test(header) ? header : fresh();
  return prefixed && !id.startsWith(PREFIX) ? PREFIX + id : id;
}
