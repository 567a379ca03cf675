import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ApiFault } from '../common/api-error.js';
import { BODY_LIMIT_BYTES, hasBody } from '../common/body-limit.js';
import { parsedBody } from '../common/body-text.js';
import { exceeded, type JsonLimits } from '../common/json-limits.js';
import type { Config } from '../config/config.js';

/** Deeper than webhook payloads may be, whose own limit has its own error. */
const DEPTH_MAX = 64;
const NAMES_MAX = 1000;
/** Client bodies average more bytes per value than this, punctuation included. */
const BYTES_PER_VALUE = 16;
const VALUES_MAX = 65_536;
const PAYLOAD_NUMBER_CHARS_MAX = 4096;
/** Slower senders are cut off after the time allowed for headers. */
const BYTES_PER_SECOND_MIN = 64 * 1024;
/**
 * Bytes read and discarded after an early response: closing at once would reset the connection and lose the response. Clients that send
 * more without reading may still lose it.
 */
const LINGER_BYTES = 1024 * 1024;
const LINGER_MS = 5000;

const limitsOf = (bodyLimitBytes: number): JsonLimits => {
  const values = Math.min(bodyLimitBytes / BYTES_PER_VALUE, VALUES_MAX);
  if (bodyLimitBytes <= 1024 * 1024) return { depth: DEPTH_MAX, names: NAMES_MAX, values };
  // Webhook payloads are stored as sent, including numbers that no double can hold.
  return { depth: DEPTH_MAX, names: values, values, numberChars: PAYLOAD_NUMBER_CHARS_MAX };
};

/** Reads request bodies: limits on size, time and nesting, and the parsers. */
export function readBodies(server: FastifyInstance, config: Config): void {
  limitRoutes(server, config);
  parseJson(server, config);
  cutSlowBodies(server, config);
  lingerOnUnreadBodies(server);
}

function limitRoutes(server: FastifyInstance, { bodyLimitBytes }: Config): void {
  server.addHook('onRoute', (route) => {
    route.bodyLimit = Math.min(route.config?.bodyLimitBytes ?? BODY_LIMIT_BYTES, bodyLimitBytes);
  });
}

function parseJson(server: FastifyInstance, { bodyLimitBytes }: Config): void {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  server.removeContentTypeParser(['application/json', 'text/plain']);
  // Huawei's SDK sends `content-type: application/json` on DELETE and GET without a body; Fastify's own parser answers 400.
  server.addContentTypeParser<Buffer>('application/json', { parseAs: 'buffer', bodyLimit: bodyLimitBytes }, (request, body, done) => {
    if (body.length === 0 || request.routeOptions.config.ignoresBody) return done(null, undefined);
    const beyond = exceeded(body, limitsOf(request.routeOptions.bodyLimit));
    if (beyond !== undefined) return done(new ApiFault('unparsable', { detail: `the request body ${beyond}` }));
    try {
      done(null, parsedBody(request, decoder.decode(body)));
    } catch (error) {
      done(Object.assign(new Error('unparsable', { cause: error }), { statusCode: 400 }));
    }
  });
  // An empty body has no wrong type: `curl -X POST -d ''` calls it a form.
  server.addContentTypeParser('*', (request, _payload, done) => {
    if (!hasBody(request) || request.routeOptions.config.ignoresBody) return done(null, undefined);
    done(Object.assign(new Error('media type'), { statusCode: 415 }));
  });
}

/** Node's own limit is the same for requests of every size. */
function cutSlowBodies(server: FastifyInstance, { headersTimeoutMs, requestTimeoutMs }: Config): void {
  server.addHook('preParsing', (request, _reply, payload, done) => {
    if (hasBody(request)) {
      const { bodyLimit } = request.routeOptions;
      const allowedMs = Math.min(headersTimeoutMs + (bodyLimit / BYTES_PER_SECOND_MIN) * 1000, requestTimeoutMs);
      const { raw } = request;
      const timer = setTimeout(() => {
        if (!raw.complete) server.server.emit('clientError', Object.assign(new Error('slow body'), { code: SLOW }), raw.socket);
      }, allowedMs).unref();
      raw.once('end', () => clearTimeout(timer)).once('close', () => clearTimeout(timer));
    }
    done(null, payload);
  });
}

/** Node's error code for a request that took too long. */
const SLOW = 'ERR_HTTP_REQUEST_TIMEOUT';

/**
 * A response may be sent before the body has arrived: the caller is not authenticated, or the body is too large. Closing the connection at
 * once would reset it, and the client would not see the response.
 */
function lingerOnUnreadBodies(server: FastifyInstance): void {
  server.addHook('onSend', (request, reply, _payload, done) => {
    if (hasBody(request) && !request.raw.complete) linger(request, reply);
    done();
  });
}

function linger({ raw }: FastifyRequest, reply: FastifyReply): void {
  const { raw: response } = reply;
  const { socket } = raw;
  const closes = !response.shouldKeepAlive;
  // Fastify sets `close` when it refuses a body.
  reply.removeHeader('connection');
  response.shouldKeepAlive = true;
  const timer = setTimeout(() => socket.destroy(), LINGER_MS).unref();
  const ended = () => {
    clearTimeout(timer);
    if (closes) socket.destroySoon();
  };
  let taken = 0;
  raw.once('close', () => clearTimeout(timer));
  raw.on('data', (chunk: Buffer) => {
    taken += chunk.length;
    if (taken > LINGER_BYTES) raw.pause();
  });
  // Node discards the whole of a body that nobody has begun to read.
  raw.read(0);
  response.once('finish', () => {
    if (raw.complete) ended();
    else raw.once('end', ended);
  });
}
