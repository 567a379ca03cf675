import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { PassThrough, type Readable } from 'node:stream';
import type { Logger } from 'pino';
import { type Dispatcher, errors, Pool } from 'undici';
import type { GatewayConfig } from '../config/gateway-config.js';
import { UNSIGNED_PAYLOAD } from '../lib/signing/canonical-request.js';
import { answerRefusal } from './answers.js';
import { announced, Budget, EMPTY_SHA256, type ReadBody, readBody } from './body.js';
import { answeredHeaders, forwardedHeaders } from './proxy-headers.js';
import type { RefusalReason } from './refusals.js';
import type { IncomingRequest, OutgoingRequest, Signer } from './signer.js';
import { type Upstream, upgrade } from './upgrade.js';

const URI_LIMIT = 32 * 1024;
const HEADER_LIMIT = 32 * 1024;

/** The body as it goes out. */
interface Outgoing {
  body: Buffer | Readable | null;
  sha256: string;
  /** Held in memory until the backend has answered. */
  held: number;
  /** Of a body that is passed on while it arrives, if the client said it. */
  length?: string;
}

/**
 * A reverse proxy that signs: request → published API → signature over the body → backend. The answer streams back as it
 * comes, so server-sent events pass through.
 */
export class SigningProxy {
  readonly #pool: Pool;
  readonly #upstream: Upstream;
  readonly #budget: Budget;

  constructor(
    private readonly signer: Signer,
    private readonly config: Pick<
      GatewayConfig,
      'upstreamHost' | 'upstreamTimeoutMs' | 'idleTimeoutMs' | 'bodyLimitBytes' | 'bufferBytes' | 'largeBody'
    >,
    url: URL,
    private readonly logger: Logger,
  ) {
    this.#upstream = { url, basePath: url.pathname.replace(/\/$/, '') };
    // The name in the certificate is the upstream's, whatever Host is sent.
    this.#pool = new Pool(url.origin, { connect: { timeout: Math.min(config.upstreamTimeoutMs, 10_000), servername: url.hostname } });
    this.#budget = new Budget(config.bufferBytes);
  }

  handle(request: IncomingMessage, response: ServerResponse): void {
    void this.#handle(request, response).catch((error: unknown) => {
      this.logger.error({ err: error }, 'a request was not forwarded');
      response.destroy();
    });
  }

  /** WebSocket and every other protocol that begins as HTTP/1.1. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const fault = this.#fault(request);
    const decision = fault ? this.signer.refuse(fault, 'proxy') : this.signer.sign(this.#outgoing(request, EMPTY_SHA256), 'proxy');
    upgrade({
      request,
      socket,
      head,
      decision,
      upstream: this.#upstream,
      host: this.#host(request),
      timeouts: this.config,
      signer: this.signer,
    });
  }

  async close(): Promise<void> {
    await this.#pool.close();
  }

  async destroy(): Promise<void> {
    await this.#pool.destroy();
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const fault = this.#fault(request);
    if (fault) return this.#refuse(request, response, fault);
    const body = await this.#body(request, response);
    if (typeof body === 'string') return body === 'answered' ? undefined : this.#refuse(request, response, body);
    const decision = this.signer.sign(this.#outgoing(request, body.sha256), 'proxy');
    if (!decision.ok) {
      this.#budget.giveBack(body.held);
      return answerRefusal(request, response, decision.refusal);
    }
    const headers = forwardedHeaders(request, this.#host(request), decision.headers);
    if (body.length !== undefined) headers.push('content-length', body.length);
    this.#dispatch(request, response, headers, body);
  }

  #fault({ url = '', headers, rawHeaders }: IncomingMessage): RefusalReason | undefined {
    if (url.length > URI_LIMIT) return 'uri_too_large';
    if (rawHeaders.some((part) => part.length > HEADER_LIMIT)) return 'headers_too_large';
    return !headers.host || !targetOf(url) ? 'bad_request' : undefined;
  }

  #incoming({ url = '', method = '', headers }: IncomingMessage): IncomingRequest {
    const stage = headers['x-stage'];
    return { method, target: targetOf(url) ?? '', stage: Array.isArray(stage) ? stage[0] : stage };
  }

  #outgoing(request: IncomingMessage, bodySha256: string): OutgoingRequest {
    const incoming = this.#incoming(request);
    return { ...incoming, sentTarget: this.#upstream.basePath + incoming.target, host: this.#host(request), bodySha256 };
  }

  #host({ headers }: IncomingMessage): string {
    return this.config.upstreamHost === 'upstream' ? this.#upstream.url.host : (headers.host ?? '');
  }

  /** Reads what is to be signed; what must not be read is refused before `100 Continue` is answered. */
  async #body(request: IncomingMessage, response: ServerResponse): Promise<Outgoing | RefusalReason | 'answered'> {
    const body = announced(request);
    if (body.kind === 'none') return { body: null, sha256: EMPTY_SHA256, held: 0 };
    const admitted = this.signer.admit(this.#incoming(request), 'proxy');
    if (!admitted.ok) {
      answerRefusal(request, response, admitted.refusal);
      return 'answered';
    }
    const { bodyLimitBytes, largeBody } = this.config;
    const tooLarge = body.kind === 'length' && body.bytes > bodyLimitBytes;
    if (tooLarge && largeBody === 'refuse') return 'body_too_large';
    if (request.headers.expect !== undefined) response.writeContinue();
    if (tooLarge) return { body: request, sha256: UNSIGNED_PAYLOAD, held: 0, length: String(body.bytes) };
    const read = await readBody(request, bodyLimitBytes, this.#budget);
    if (read === 'busy') return read;
    if (read === 'gone') {
      response.destroy();
      return 'answered';
    }
    if (read.whole) return { body: Buffer.concat(read.chunks, read.bytes), sha256: read.sha256 ?? EMPTY_SHA256, held: read.bytes };
    if (largeBody === 'unsigned-payload') return { body: continued(read, request), sha256: UNSIGNED_PAYLOAD, held: read.bytes };
    this.#budget.giveBack(read.bytes);
    return 'body_too_large';
  }

  #dispatch(request: IncomingMessage, response: ServerResponse, headers: string[], { body, held }: Outgoing): void {
    const { upstreamTimeoutMs, idleTimeoutMs } = this.config;
    const path = this.#upstream.basePath + (targetOf(request.url ?? '') ?? '');
    let left = held;
    const done = () => {
      this.#budget.giveBack(left);
      left = 0;
    };
    const fail = (error: Error) => {
      done();
      if (response.headersSent || response.destroyed) return void response.destroy();
      this.logger.warn({ err: error }, 'the backend did not answer');
      this.#refuse(request, response, reasonOf(error));
    };
    const method = request.method as Dispatcher.HttpMethod;
    try {
      this.#pool.dispatch(
        { path, method, headers, body, headersTimeout: upstreamTimeoutMs, bodyTimeout: idleTimeoutMs, idempotent: false },
        {
          onRequestStart(controller) {
            response.once('close', () => {
              if (!response.writableFinished) controller.abort(new Error('the client has gone'));
            });
          },
          onResponseStart(controller, status, headers, message) {
            if (status < 200) return;
            done();
            response.writeHead(status, message, answeredHeaders(controller.rawHeaders as Buffer[]));
            // Events may be minutes away; a body of known length follows at once.
            if (headers['content-length'] === undefined) response.flushHeaders();
          },
          onResponseData(controller, chunk) {
            if (response.write(chunk)) return;
            controller.pause();
            response.once('drain', () => controller.resume());
          },
          onResponseEnd: () => void response.end(),
          onResponseError: (_controller, error) => fail(error),
        },
      );
    } catch (error) {
      fail(error as Error);
    }
  }

  #refuse(request: IncomingMessage, response: ServerResponse, reason: RefusalReason): void {
    answerRefusal(request, response, this.signer.refuse(reason, 'proxy').refusal);
  }
}

/** The request's target without scheme and authority, where a client sent those (RFC 9112 §3.2.2). */
function targetOf(url: string): string | undefined {
  if (url.startsWith('/')) return url;
  const rest = /^https?:\/\/[^/?]*(.*)$/i.exec(url)?.[1];
  return rest === undefined ? undefined : rest.startsWith('/') ? rest : `/${rest}`;
}

/** What was read of a body, and then the rest of it. */
function continued(read: ReadBody, request: IncomingMessage): Readable {
  const stream = new PassThrough();
  for (const chunk of read.chunks) stream.write(chunk);
  request
    .on('error', (error) => stream.destroy(error))
    .on('close', () => request.complete || stream.destroy(new Error('the client has gone')));
  return request.pipe(stream);
}

function reasonOf(error: Error): RefusalReason {
  const timedOut = error instanceof errors.HeadersTimeoutError || error instanceof errors.BodyTimeoutError;
  if (timedOut) return 'backend_timeout';
  return error instanceof errors.InvalidArgumentError ? 'bad_request' : 'backend_unavailable';
}
