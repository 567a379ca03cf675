import { type IncomingMessage, request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP, type Socket } from 'node:net';
import { ApiError } from '../../platform/common/api-error.js';
import type { ConnectionPool, ConnectionInfo, Phase } from './connection-pool.js';

/** The result of one POST. Times are in milliseconds. */
export interface DeliveryResponse {
  /** HTTP status. Absent when there was no response; `error` then contains the reason. */
  status?: number;
  /** The reason that the customer sees. Contains no secret and no internal address. */
  error?: string;
  headers: Record<string, string>;
  /** The values of all `Retry-After` headers of the response. */
  retryAfter?: readonly string[];
  /**
   * True if the attempt has no outcome: a reused connection broke too late for another try, or this process has lost its lease. Such an
   * attempt does not count.
   */
  unfinished?: boolean;
  /** Time from the start, including the connection, to the response headers or the failure. */
  latencyMs: number;
  /** Time from the last byte of the request to the response headers. */
  ttfbMs?: number;
  /** Duration of the transfer of the response body. */
  transferMs?: number;
  /** Whether the response body exceeded {@link RESPONSE_MAX_BYTES}, failed or timed out. */
  truncated: boolean;
  reused: boolean;
  connection?: ConnectionInfo;
}

/** Number of bytes of a response body that are read and discarded, so that the connection can be reused. */
const RESPONSE_MAX_BYTES = 16_384;
const HEADERS_MAX_BYTES = 16_384;
/** A second try needs at least this fraction (1/n) of the time-out. If less is left, a time-out would not be the receiver's fault. */
const SECOND_TRY_FRACTION = 4;

/** The receiver closed the connection before it responded. */
const CLOSED_CODES = new Set(['ECONNRESET', 'EPIPE']);

/**
 * Sends a POST to a receiver. Never throws: a failure is a result. Discards the response body and does not follow redirects.
 * @param timeoutMs total time limit, including the connection
 * @param maySend checked when the connection is open, immediately before the request is written
 */
export async function sendWebhook(
  connections: ConnectionPool,
  url: URL,
  headers: Record<string, string>,
  body: Buffer,
  timeoutMs: number,
  maySend: () => boolean,
): Promise<DeliveryResponse> {
  const first = await sendOnce(connections, url, headers, body, { timeoutMs, wholeMs: timeoutMs, maySend });
  // The receiver may close an idle connection while the request is on its way. Then the request is retried on a new connection: delivery is
  // at least once, and receivers recognise duplicates by the message id.
  if (!first.reused || first.status !== undefined || !first.closed) return first;
  const leftMs = timeoutMs - first.latencyMs;
  if (leftMs < timeoutMs / SECOND_TRY_FRACTION) return { ...first, unfinished: true };
  return sendOnce(connections, url, headers, body, { timeoutMs: leftMs, wholeMs: timeoutMs, maySend, fresh: true });
}

type SingleResponse = DeliveryResponse & { closed?: boolean };

interface Limits {
  timeoutMs: number;
  wholeMs: number;
  maySend: () => boolean;
  fresh?: boolean;
}

function sendOnce(
  connections: ConnectionPool,
  url: URL,
  headers: Record<string, string>,
  body: Buffer,
  { timeoutMs, wholeMs, maySend, fresh = false }: Limits,
): Promise<SingleResponse> {
  return new Promise((resolve) => {
    const connection = fresh ? connections.create(url.origin) : connections.acquire(url.origin);
    const { reused } = connection;
    const started = performance.now();
    const result: SingleResponse = { headers: {}, latencyMs: 0, truncated: false, reused };
    let sent = started;
    let answered: number | undefined;
    let bytes = 0;
    let over = false;

    const end = (keep: boolean) => {
      if (over) return;
      over = true;
      clearTimeout(timer);
      if (answered === undefined) result.latencyMs = performance.now() - started;
      else result.transferMs = performance.now() - answered;
      // The agent may have replaced a broken socket.
      result.reused = connection.reused;
      if (connection.info) result.connection = connection.info;
      if (keep) connections.release(connection);
      else connections.discard(connection);
      resolve(result);
    };
    const timer = setTimeout(() => {
      if (answered === undefined) result.error = `${TIMEOUT_REASON[connection.phase]} within ${wholeMs / 1000} s`;
      else result.truncated = true;
      end(false);
    }, timeoutMs);

    const failed = (error: Error) => {
      if (answered === undefined) {
        result.error = reasonOf(error, connection.phase);
        result.closed = CLOSED_CODES.has(codeOf(error));
      } else result.truncated = true;
      end(false);
    };
    const host = url.hostname.replace(/^\[|\]$/g, '');
    const request = (url.protocol === 'https:' ? httpsRequest : httpRequest)({
      agent: connection.agent,
      host,
      port: url.port || (url.protocol === 'https:' ? 443 : 80),
      servername: isIP(host) === 0 ? host : '',
      method: 'POST',
      path: url.pathname + url.search,
      headers: { ...headers, 'content-length': String(body.length) },
      maxHeaderSize: HEADERS_MAX_BYTES,
    });
    request.once('finish', () => {
      sent = performance.now();
    });
    request.once('response', (response: IncomingMessage) => {
      if (over) return void response.destroy();
      // A status code below 100 is not HTTP.
      if ((response.statusCode ?? 0) < 100) return failed(Object.assign(new Error('no status'), { code: 'HPE_INVALID_STATUS' }));
      answered = performance.now();
      result.status = response.statusCode ?? 0;
      result.latencyMs = answered - started;
      result.ttfbMs = Math.max(0, answered - sent);
      const retryAfter = response.headersDistinct['retry-after'];
      if (retryAfter) result.retryAfter = retryAfter;
      for (const [name, value] of Object.entries(response.headers))
        if (value !== undefined) result.headers[name] = Array.isArray(value) ? value.join(', ') : value;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes <= RESPONSE_MAX_BYTES) return;
        result.truncated = true;
        end(false);
      });
      response.once('end', () => end(true));
      response.once('error', failed);
    });
    request.once('upgrade', (_response, socket) => {
      socket.destroy();
      failed(Object.assign(new Error('the receiver upgraded the protocol without a request'), { code: 'HPE_UNEXPECTED_UPGRADE' }));
    });
    request.on('error', failed);
    // Handles a close without an error. Deferred, because an error of the connection may follow.
    request.once('close', () => {
      if (answered === undefined) setImmediate(() => failed(Object.assign(new Error('closed'), { code: 'ECONNRESET' })));
    });
    const write = (socket: Socket) => {
      if (over || socket.destroyed) return;
      if (maySend()) return void request.end(body);
      Object.assign(result, { unfinished: true, error: 'this process may not deliver any more' });
      end(false);
    };
    // The request is written here, never earlier.
    request.once('socket', (socket) => {
      if (connection.phase === 'answer') write(socket);
      else socket.once(url.protocol === 'https:' ? 'secureConnect' : 'connect', () => write(socket));
    });
  });
}

const codeOf = (error: unknown): string => {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : '';
};

/** The beginning of the time-out message, by phase. */
const TIMEOUT_REASON: Record<Phase, string> = {
  name: 'no address of the host',
  connect: 'no connection',
  handshake: 'no TLS handshake',
  answer: 'no answer',
};

/** Returns the reason of a failure for the customer, without message contents or details of the internal network. */
function reasonOf(error: Error, phase: Phase): string {
  if (error instanceof ApiError) return error.message;
  const code = codeOf(error) || codeOf(error.cause);
  if (code === 'ETIMEDOUT') return phase === 'handshake' ? 'no TLS handshake in time' : 'no connection in time';
  if (code === 'ECONNREFUSED') return 'connection refused';
  if (CLOSED_CODES.has(code))
    return phase === 'handshake' ? 'TLS failed: the connection was closed' : 'the connection was closed before a response arrived';
  // OpenSSL reports these errors only in the message.
  if (/wrong.version.number|packet.length.too.long/i.test(`${code} ${error.message}`))
    return `TLS failed: the server answered without TLS (${code})`;
  if (/^(CERT|ERR_TLS|ERR_SSL|EPROTO|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|HOSTNAME)/.test(code)) return `TLS failed (${code})`;
  if (code.startsWith('HPE_')) return 'the response is not HTTP';
  return code === '' ? 'the connection failed' : `the connection failed (${code})`;
}
