import type { Dispatcher } from 'undici';
import { ApiError } from '../common/api-error.js';
import type { Connections, Made } from './connections.js';

/** A POST and what came of it. Times are in milliseconds. */
export interface Exchange {
  /** Absent when there was no answer; then `error` says why. */
  status?: number;
  /** A text for the customer: no secret, no address that the customer does not know. */
  error?: string;
  headers: Record<string, string>;
  /** From the first byte of the connection, or of the request on one that was there, to the answer's headers or the failure. */
  latencyMs: number;
  /** From the request's last byte to the answer's first. */
  ttfbMs?: number;
  /** Of the answer's body. */
  transferMs?: number;
  /** There was more of the answer's body than is waited for, or it did not come in time. */
  truncated: boolean;
  reused: boolean;
  made?: Made;
}

/** Bytes of an answer's body that are read: a receiver has nothing to say in it. */
const ANSWER_MAX_BYTES = 16_384;

/** The connection was closed on us before anything of the answer came. */
const CLOSED = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE']);

/**
 * POSTs to a receiver and never throws: whatever a receiver does is a result. The status decides; the body of the answer is
 * read and dropped. Redirects are answers like others.
 * @param timeoutMs for all of it, connecting included
 */
export async function post(
  connections: Connections,
  url: URL,
  headers: Record<string, string>,
  body: Buffer,
  timeoutMs: number,
): Promise<Exchange> {
  const first = await postOnce(connections, url, headers, body, timeoutMs);
  // A receiver that closes a silent connection crosses our request on its way. That says nothing about the receiver, so the
  // attempt goes on over a new connection: a message may arrive twice anyway, and its id says so.
  if (!first.reused || first.status !== undefined || !first.closed) return first;
  return postOnce(connections, url, headers, body, Math.max(1, timeoutMs - first.latencyMs), true);
}

type Once = Exchange & { closed?: boolean };

function postOnce(
  connections: Connections,
  url: URL,
  headers: Record<string, string>,
  body: Buffer,
  timeoutMs: number,
  fresh = false,
): Promise<Once> {
  return new Promise((resolve) => {
    const connection = fresh ? connections.fresh(url.origin) : connections.take(url.origin);
    const { reused } = connection;
    const started = performance.now();
    const exchange: Once = { headers: {}, latencyMs: 0, truncated: false, reused };
    let sent = started;
    let answered: number | undefined;
    let bytes = 0;
    let over = false;

    const end = (keep: boolean) => {
      if (over) return;
      over = true;
      clearTimeout(timer);
      if (answered === undefined) exchange.latencyMs = performance.now() - started;
      else exchange.transferMs = performance.now() - answered;
      // A reused connection that broke may have been made anew meanwhile.
      exchange.reused = connection.reused;
      if (connection.made) exchange.made = connection.made;
      if (keep) connections.release(connection);
      else connections.discard(connection);
      resolve(exchange);
    };
    const timer = setTimeout(() => {
      if (answered === undefined) exchange.error = `no answer within ${timeoutMs / 1000} s`;
      else exchange.truncated = true;
      end(false);
    }, timeoutMs);

    const handler: Dispatcher.DispatchHandler = {
      onRequestStart() {
        sent = performance.now();
      },
      onResponseStart(_controller, status, answerHeaders) {
        if (over) return;
        answered = performance.now();
        exchange.status = status;
        exchange.latencyMs = answered - started;
        exchange.ttfbMs = answered - sent;
        for (const [name, value] of Object.entries(answerHeaders))
          if (value !== undefined) exchange.headers[name] = Array.isArray(value) ? value.join(', ') : value;
      },
      onResponseData(_controller, chunk) {
        bytes += chunk.length;
        if (bytes <= ANSWER_MAX_BYTES) return;
        exchange.truncated = true;
        end(false);
      },
      onResponseEnd: () => end(true),
      onResponseError(_controller, error) {
        if (answered === undefined) {
          exchange.error = wordsOf(error);
          exchange.closed = CLOSED.has(codeOf(error));
        } else exchange.truncated = true;
        end(false);
      },
    };
    connection.client.dispatch({ method: 'POST', path: url.pathname + url.search, headers, body }, handler);
  });
}

const codeOf = (error: unknown): string => {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : '';
};

/** Why there was no answer, in words that hold nothing of the message and of the network behind the service. */
function wordsOf(error: Error): string {
  if (error instanceof ApiError) return error.message;
  const code = codeOf(error) || codeOf(error.cause);
  if (code === 'UND_ERR_CONNECT_TIMEOUT' || code === 'ETIMEDOUT') return 'no connection in time';
  if (code === 'ECONNREFUSED') return 'connection refused';
  if (CLOSED.has(code)) return 'the connection was closed before an answer came';
  if (/^(CERT|ERR_TLS|ERR_SSL|EPROTO|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|HOSTNAME)/.test(code)) return `TLS failed (${code})`;
  if (error.name === 'HTTPParserError' || /^(HPE_|UND_ERR_HEADERS|UND_ERR_RESPONSE)/.test(code)) return 'the answer is not HTTP';
  return code === '' ? 'the connection failed' : `the connection failed (${code})`;
}
