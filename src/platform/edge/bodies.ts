import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ApiFault } from '../common/api-error.js';
import { BODY_LIMIT_BYTES, hasBody } from '../common/body-limit.js';
import { parsedBody } from '../common/body-text.js';
import { exceeded, type JsonLimits } from '../common/json-limits.js';
import type { Config } from '../config/config.js';

/** Deeper than webhook payloads may be. Their own limit has its own error. */
const DEPTH_MAX = 64;
const NAMES_MAX = 1000;
/** The bodies of known clients have more bytes per value than this on average, punctuation included. */
const BYTES_PER_VALUE = 16;
const VALUES_MAX = 65_536;
const PAYLOAD_NUMBER_CHARS_MAX = 4096;
/** A slower sender is cut off after the time that is allowed for headers. */
const BYTES_PER_SECOND_MIN = 64 * 1024;
/**
 * Number of bytes that are read and discarded after an early response. If the connection were closed at once, it would be reset, and the
 * client would lose the response. A client that sends more than this without reading may still lose it.
 */
const LINGER_BYTES = 1024 * 1024;
const LINGER_MS = 5000;

const limitsOf = (bodyLimitBytes: number): JsonLimits => {
  const values = Math.min(bodyLimitBytes / BYTES_PER_VALUE, VALUES_MAX);
  if (bodyLimitBytes <= 1024 * 1024) return { depth: DEPTH_MAX, names: NAMES_MAX, values };
  // Webhook payloads are stored as sent, including numbers that no double can represent.
  return { depth: DEPTH_MAX, names: values, values, numberChars: PAYLOAD_NUMBER_CHARS_MAX };
};

/** Registers the parsers of request bodies, with limits on size, time and nesting. */
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
  // Huawei's SDK sends `content-type: application/json` on DELETE and GET without a body. Fastify's own parser would answer 400.
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
  // An empty body has no wrong type: `curl -X POST -d ''` declares it as a form.
  server.addContentTypeParser('*', (request, _payload, done) => {
    if (!hasBody(request) || request.routeOptions.config.ignoresBody) return done(null, undefined);
    done(Object.assign(new Error('media type'), { statusCode: 415 }));
  });
}

/** Cuts off slow senders. Node's own time limit is the same for bodies of every size. */
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
 * Reads the rest of a body after an early response. A response may be sent before the body has arrived, because the caller is not
 * authenticated or the body is too large. If the connection were closed at once, it would be reset, and the client would not see the
 * response.
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
  // Starts reading, because Node discards the whole of a body that nothing has read from.
  raw.read(0);
  response.once('finish', () => {
    if (raw.complete) ended();
    else raw.once('end', ended);
  });
}
