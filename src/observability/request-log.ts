import { randomBytes } from 'node:crypto';
import type { FastifyBaseLogger, FastifyInstance } from 'fastify';
import type { Bindings, ChildLoggerOptions } from 'pino';
import type { Metrics } from './metrics.js';

/**
 * One line and one measurement per request: method, path without its query, status, duration, request id, user. Never a
 * header, a body or a query, which is where secrets travel.
 */
export function observeRequests(app: FastifyInstance, metrics: Metrics): void {
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id);
    done();
  });
  // The line's fields all stand below, and none has a name that is redacted: looking for those would take twenty times the line.
  const lines = app.log.child({}, { redact: { paths: [] } });
  app.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'unknown';
    metrics.requests.observe({ method: request.method, route, status: reply.statusCode }, reply.elapsedTime / 1000);
    lines.info(
      {
        reqId: request.id,
        method: request.method,
        path: request.url.split('?', 1)[0],
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

/**
 * A request's own logger, made when the request first has something to say: the child costs more than routing, and the line
 * above is all that most requests log.
 */
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

  private say(level: 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent', line: unknown[]): void {
    Reflect.apply(this.own[level], this.own, line);
  }

  get level() {
    return this.own.level;
  }
  fatal(...line: unknown[]): void {
    this.say('fatal', line);
  }
  error(...line: unknown[]): void {
    this.say('error', line);
  }
  warn(...line: unknown[]): void {
    this.say('warn', line);
  }
  info(...line: unknown[]): void {
    this.say('info', line);
  }
  debug(...line: unknown[]): void {
    this.say('debug', line);
  }
  trace(...line: unknown[]): void {
    this.say('trace', line);
  }
  silent(...line: unknown[]): void {
    this.say('silent', line);
  }
  child(bindings: Bindings, options?: ChildLoggerOptions): FastifyBaseLogger {
    return this.own.child(bindings, options);
  }
}

/**
 * Makes request ids: 32 hex digits, random for the process and counted within it. Randomness for every request would cost
 * more than routing it.
 */
export function requestIds(): () => string {
  const process = randomBytes(8).toString('hex');
  let count = 0;
  return () => process + (count++).toString(16).padStart(16, '0');
}

const SANE = /^[A-Za-z0-9_.:+/=-]{1,124}$/;
const PREFIX = 'req_';

/**
 * The caller's `X-Request-Id` when it is sane, so that it can follow its own request through our log; else `fresh()`.
 * @param prefixed the contract of the path wants ids that begin with `req_` (endpoints §1.3)
 */
export function requestIdOf(header: string | string[] | undefined, fresh: () => string, prefixed = false): string {
  const id = typeof header === 'string' && SANE.test(header) ? header : fresh();
  return prefixed && !id.startsWith(PREFIX) ? PREFIX + id : id;
}
