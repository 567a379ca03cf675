import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { PassThrough, type Readable } from 'node:stream';
import type { Logger } from 'pino';
import type { GatewayConfig } from '../../platform/config/gateway-config.js';
import { UNSIGNED_PAYLOAD } from '#signing/canonical-request.js';
import { isValidFraming } from '../http/admission.js';
import { sendRefusal } from '../http/responses.js';
import { bodyFramingOf, type BodyPace, MemoryBudget, EMPTY_SHA256, type ReadBody, readBody } from '../http/body.js';
import { TrustedProxies } from '../http/trusted-proxies.js';
import { responseHeaders, upstreamHeaders } from './proxy-headers.js';
import type { Refusal, RefusalReason } from '../http/refusals.js';
import type { IncomingRequest, OutgoingRequest, SendPermit, Signer } from '../signing/signer.js';
import { targetOf } from '../http/request-target.js';
import { type Upstream, upgrade } from './upgrade.js';
import { UpstreamClient, UpstreamTimeout } from './upstream-client.js';

const HEADER_LIMIT = 32 * 1024;
/** Share of the memory for bodies that one client may use. */
const CLIENT_SHARE = 1 / 4;

/** The body that is sent to the backend. */
interface Outgoing {
  body: Buffer | Readable | null;
  sha256: string;
  /** Number of bytes that stay in memory until the backend responds. */
  bufferedBytes: number;
  /** `Content-Length` of a streamed body, if the client has sent it. */
  length?: string;
}

/**
 * A signing reverse proxy: request → published API → signature over the body → backend. Responses are streamed, so that
 * server-sent events work.
 */
export class SigningProxy {
  readonly #client: UpstreamClient;
  readonly #upstream: Upstream;
  readonly #trusted: TrustedProxies;
  readonly #budget: MemoryBudget;

  constructor(
    private readonly signer: Signer,
    private readonly config: Pick<
      GatewayConfig,
      | 'upstreamTls'
      | 'upstreamHost'
      | 'upstreamTimeoutMs'
      | 'idleTimeoutMs'
      | 'bodyLimitBytes'
      | 'bufferBytes'
      | 'largeBody'
      | 'trustedProxies'
      | keyof BodyPace
    >,
    url: URL,
    private readonly logger: Logger,
  ) {
    const { key, ...pem } = config.upstreamTls;
    const tls = { ...pem, ...(key && { key: key.reveal() }) };
    this.#upstream = { url, basePath: url.pathname.replace(/\/$/, ''), tls };
    this.#client = new UpstreamClient(url, tls, config);
    this.#trusted = new TrustedProxies(config.trustedProxies);
    this.#budget = new MemoryBudget(config.bufferBytes, Math.max(config.bodyLimitBytes, config.bufferBytes * CLIENT_SHARE));
  }

  handle(request: IncomingMessage, response: ServerResponse): void {
    void this.#handle(request, response).catch((error: unknown) => {
      this.logger.error({ err: error }, 'a request was not forwarded');
      response.destroy();
    });
  }

  /** Handles a request for which {@link isWebSocketUpgrade} is true. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const fault = this.#fault(request);
    const decision = fault ? this.signer.refuse(fault, 'proxy') : this.signer.sign(this.#outgoing(request, EMPTY_SHA256), 'proxy');
    upgrade({
      request,
      socket,
      head,
      decision,
      upstream: this.#upstream,
      target: targetOf(request.url ?? '').target,
      host: this.#host(request),
      timeouts: this.config,
      trusted: this.#trusted.trusts(request.socket.remoteAddress),
      signer: this.signer,
    });
  }

  close(): void {
    this.#client.close();
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const fault = this.#fault(request);
    if (fault) return this.#refuse(request, response, fault);
    const body = await this.#body(request, response);
    if (typeof body === 'string') return body === 'answered' ? undefined : this.#refuse(request, response, body);
    const decision = this.signer.sign(this.#outgoing(request, body.sha256), 'proxy');
    if (!decision.ok) {
      this.#budget.release(body.bufferedBytes, this.#trusted.clientOf(request));
      return sendRefusal(request, response, decision.refusal);
    }
    const headers = upstreamHeaders(request, this.#host(request), decision.headers, this.#trusted.trusts(request.socket.remoteAddress));
    headers.push(...framingOf(request, body));
    this.#dispatch(request, response, headers, body, decision.permit);
  }

  /** Checks the sizes of headers, the framing and the authority. The signer checks method, target, host and environment. */
  #fault({ url = '', headers, headersDistinct, rawHeaders, httpVersion }: IncomingMessage): RefusalReason | undefined {
    if (rawHeaders.some((part) => part.length > HEADER_LIMIT)) return 'headers_too_large';
    const { host: hosts = [], 'transfer-encoding': codings = [] } = headersDistinct;
    const [host = ''] = hosts;
    if (hosts.length !== 1) return 'bad_host';
    if (!isValidFraming(codings, httpVersion)) return 'bad_request';
    const target = targetOf(url);
    // Two different authorities are ambiguous: the backend could select another virtual host than the one that was matched.
    if (target.authority !== undefined && target.authority.toLowerCase() !== host.toLowerCase()) return 'bad_host';
    return headers['content-length'] !== undefined && !/^\d{1,15}$/.test(headers['content-length']) ? 'bad_request' : undefined;
  }

  #incoming({ url = '', method = '', headers, headersDistinct }: IncomingMessage): IncomingRequest {
    return { method, target: targetOf(url).target, host: headers.host ?? '', stage: headersDistinct['x-stage']?.join() };
  }

  #outgoing(request: IncomingMessage, bodySha256: string): OutgoingRequest {
    const incoming = this.#incoming(request);
    return { ...incoming, sentTarget: this.#upstream.basePath + incoming.target, sentHost: this.#host(request), bodySha256 };
  }

  #host({ headers }: IncomingMessage): string {
    return this.config.upstreamHost === 'upstream' ? this.#upstream.url.host : (headers.host ?? '');
  }

  /** Reads the body that is to be signed. Requests that will be refused are refused before `100 Continue`. */
  async #body(request: IncomingMessage, response: ServerResponse): Promise<Outgoing | RefusalReason | 'answered'> {
    const body = bodyFramingOf(request);
    if (body.kind === 'none') return { body: null, sha256: EMPTY_SHA256, bufferedBytes: 0 };
    const admitted = this.signer.admit(this.#incoming(request), 'proxy');
    if (!admitted.ok) {
      sendRefusal(request, response, admitted.refusal);
      return 'answered';
    }
    const { bodyLimitBytes, largeBody } = this.config;
    const tooLarge = body.kind === 'length' && body.bytes > bodyLimitBytes;
    if (tooLarge && largeBody === 'refuse') return 'body_too_large';
    if (request.headers.expect !== undefined) response.writeContinue();
    if (tooLarge) return { body: request, sha256: UNSIGNED_PAYLOAD, bufferedBytes: 0, length: String(body.bytes) };
    const client = this.#trusted.clientOf(request);
    const read = await readBody(request, { limit: bodyLimitBytes, pace: this.config, buffer: { budget: this.#budget, client } });
    if (read === 'busy' || read === 'late') return read === 'late' ? 'body_late' : read;
    if (read === 'gone') {
      response.destroy();
      return 'answered';
    }
    if (read.whole) return { body: Buffer.concat(read.chunks, read.bytes), sha256: read.sha256 ?? EMPTY_SHA256, bufferedBytes: read.bytes };
    if (largeBody === 'unsigned-payload') return { body: continued(read, request), sha256: UNSIGNED_PAYLOAD, bufferedBytes: read.bytes };
    this.#budget.release(read.bytes, client);
    return 'body_too_large';
  }

  #dispatch(
    request: IncomingMessage,
    response: ServerResponse,
    headers: string[],
    { body, bufferedBytes }: Outgoing,
    permit: SendPermit,
  ): void {
    const path = this.#upstream.basePath + targetOf(request.url ?? '').target;
    const client = this.#trusted.clientOf(request);
    let left = bufferedBytes;
    const done = () => {
      if (left > 0) this.#budget.release(left, client);
      left = 0;
    };
    let stale: Refusal | undefined;
    let over: (() => void) | undefined;
    // A connection with a body of unknown length, in either direction, is closed when its key ends.
    const begin = (): Refusal | undefined => {
      if (over) return undefined;
      const end = () => {
        request.socket.destroy();
        sent?.destroy(new Error('the key does not sign any more'));
      };
      // After a request has finished, its socket returns to the pool and may carry another request.
      const begun = permit.track({ end, sockets: () => [request.socket, sent?.destroyed === true ? undefined : sent?.socket] });
      if (!begun.ok) return begun.refusal;
      over = begun.over;
      response.once('close', over);
      return undefined;
    };
    let sent: ClientRequest | undefined;
    const fail = (error: Error) => {
      done();
      if (stale) return sendRefusal(request, response, stale);
      if (response.headersSent || response.destroyed) return void response.destroy();
      this.logger.warn({ err: error }, 'the backend did not respond');
      this.#refuse(request, response, error instanceof UpstreamTimeout ? 'backend_timeout' : 'backend_unavailable');
    };
    try {
      sent = this.#client.send(
        { method: request.method ?? '', path, headers, body },
        (answer) => {
          done();
          stale = answer.headers['content-length'] === undefined ? begin() : undefined;
          if (stale) {
            sent?.destroy();
            return sendRefusal(request, response, stale);
          }
          response.writeHead(answer.statusCode ?? 502, answer.statusMessage, responseHeaders(answer.rawHeaders));
          // The first event of a stream may take minutes, so the headers are sent now.
          if (answer.headers['content-length'] === undefined) response.flushHeaders();
          answer.once('error', () => response.destroy()).once('close', () => answer.complete || response.destroy());
          answer.pipe(response);
        },
        fail,
        // Called when the connection is established, just before the request is written.
        () => {
          stale = permit.recheck()?.refusal ?? (body !== null && !Buffer.isBuffer(body) ? begin() : undefined);
          return stale && new Error('the key was deleted before the request was sent');
        },
      );
      response.once('close', () => {
        if (!response.writableFinished) sent?.destroy(new Error('the client closed the connection'));
      });
    } catch (error) {
      // Node rejects the method, the path or the headers of the client.
      done();
      this.logger.warn({ err: error }, 'a request cannot be forwarded');
      this.#refuse(request, response, 'bad_request');
    }
  }

  #refuse(request: IncomingMessage, response: ServerResponse, reason: RefusalReason): void {
    sendRefusal(request, response, this.signer.refuse(reason, 'proxy').refusal);
  }
}

/** Returns a stream of the chunks that were already read, followed by the rest of the body. */
function continued(read: ReadBody, request: IncomingMessage): Readable {
  const stream = new PassThrough();
  for (const chunk of read.chunks) stream.write(chunk);
  request
    .on('error', (error) => stream.destroy(error))
    .on('close', () => request.complete || stream.destroy(new Error('the client closed the connection')));
  return request.pipe(stream);
}

/** Returns the framing headers of the request to the backend. */
function framingOf({ method = '' }: IncomingMessage, { body, length }: Outgoing): string[] {
  if (Buffer.isBuffer(body)) return ['content-length', String(body.length)];
  if (body !== null) return length === undefined ? ['transfer-encoding', 'chunked'] : ['content-length', length];
  return WITH_BODY.has(method) ? ['content-length', '0'] : [];
}
/** Methods with which `Content-Length: 0` is sent if there is no body (RFC 9110 §8.6). */
const WITH_BODY = new Set(['POST', 'PUT', 'PATCH']);
