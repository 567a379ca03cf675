import { Agent as HttpAgent, type ClientRequest, type IncomingMessage, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { isIP } from 'node:net';
import type { Readable } from 'node:stream';
import type { SecureContextOptions } from 'node:tls';

/** The backend did not begin its response in time. */
export class UpstreamTimeout extends Error {}

/** A request to the backend. */
export interface UpstreamRequest {
  method: string;
  path: string;
  /** A flat list: name, value, name, value …. It includes the framing headers of the body. */
  headers: readonly string[];
  body: Buffer | Readable | null;
}

/** Idle connections are closed after this time, or earlier if the backend's `Keep-Alive: timeout` is shorter. */
const IDLE_MS = 4000;
const CONNECT_MS = 10_000;
const HEADERS_MAX_BYTES = 128 * 1024;

/**
 * HTTP/1.1 client with a keep-alive pool. It uses Node's client, because undici closes the connection after a `100 Continue` that was not
 * requested.
 */
export class UpstreamClient {
  readonly #agent: HttpAgent;
  readonly #options: { host: string; port: number; servername: string };
  readonly #secure: boolean;

  /**
   * @param url the certificate is verified for the host name of this URL, whatever `Host` is sent
   * @param tls TLS options, for an https URL
   */
  constructor(
    url: URL,
    tls: SecureContextOptions,
    private readonly timeouts: { upstreamTimeoutMs: number; idleTimeoutMs: number },
  ) {
    this.#secure = url.protocol === 'https:';
    const host = url.hostname.replace(/^\[|\]$/g, '');
    this.#options = { host, port: Number(url.port) || (this.#secure ? 443 : 80), servername: isIP(host) === 0 ? host : '' };
    const kept = { keepAlive: true, timeout: IDLE_MS, noDelay: true };
    this.#agent = this.#secure ? new HttpsAgent({ ...kept, ...tls }) : new HttpAgent(kept);
  }

  /**
   * Sends a request. Calls either `onAnswer` or `onError`, exactly once. A response that breaks off later is destroyed.
   * @param refuse called when the connection is established, in the same turn in which the request is written; if it returns an error, the
   * request is cancelled
   * @returns the request, which the caller destroys to cancel it
   * @throws TypeError for an invalid method, path or header
   */
  send(
    { method, path, headers, body }: UpstreamRequest,
    onAnswer: (answer: IncomingMessage) => void,
    onError: (error: Error) => void,
    refuse: () => Error | undefined,
  ): ClientRequest {
    const { upstreamTimeoutMs, idleTimeoutMs } = this.timeouts;
    const request: ClientRequest = (this.#secure ? httpsRequest : httpRequest)({
      ...this.#options,
      agent: this.#agent,
      method,
      path,
      headers,
      maxHeaderSize: HEADERS_MAX_BYTES,
    });
    let over = false;
    let timer: NodeJS.Timeout | undefined;
    const settle = (outcome: () => void) => {
      if (over) return;
      over = true;
      clearTimeout(timer);
      outcome();
    };
    const wait = () => {
      if (!over) timer = setTimeout(() => request.destroy(new UpstreamTimeout('the backend did not respond in time')), upstreamTimeoutMs);
    };
    const begin = () => {
      const refusal = refuse();
      if (refusal) return void request.destroy(refusal);
      if (body === null || Buffer.isBuffer(body)) {
        wait();
        request.end(body ?? undefined);
      } else {
        // The time-out of a streamed body begins when the body has been sent. The headers are flushed now. Otherwise the client would
        // determine when the signature is sent, possibly after the end of its key was acknowledged.
        request.flushHeaders();
        request.once('finish', wait);
        body.on('error', (error) => request.destroy(error)).pipe(request);
      }
    };
    request
      .on('socket', (socket) => {
        if (!socket.connecting) return begin();
        socket.once(this.#secure ? 'secureConnect' : 'connect', begin);
        const late = setTimeout(
          () => socket.destroy(new Error('the backend did not accept a connection in time')),
          Math.min(upstreamTimeoutMs, CONNECT_MS),
        );
        socket.once('connect', () => clearTimeout(late)).once('close', () => clearTimeout(late));
      })
      .on('response', (answer) => {
        settle(() => {
          answer.setTimeout(idleTimeoutMs, () => answer.destroy());
          onAnswer(answer);
        });
      })
      .on('upgrade', (_answer, socket) => {
        socket.destroy();
        settle(() => onError(new Error('the backend switched to a protocol that was not offered')));
      })
      .on('error', (error) => settle(() => onError(error)))
      .on('close', () => settle(() => onError(new Error('the backend closed the connection before it responded'))));
    return request;
  }

  close(): void {
    this.#agent.destroy();
  }
}
