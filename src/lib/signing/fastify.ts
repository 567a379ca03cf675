import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import type { Refusal } from './errors.js';
import { collect, DEFAULT_LIMIT_BYTES, type MiddlewareOptions } from './raw-body.js';
import type { Verified } from './verify.js';
import { createVerifier } from './verifier.js';

// What is used of Fastify, written out so that this library depends on no framework.
interface FastifyRequest {
  method: string;
  originalUrl: string;
  headers: IncomingMessage['headers'];
}
interface FastifyReply {
  code(status: number): this;
  header(name: string, value: string): this;
  send(body: unknown): this;
}
type PreParsing = (request: FastifyRequest, reply: FastifyReply, payload: Readable) => Promise<unknown>;
interface FastifyInstance {
  hasRequestDecorator(name: string): boolean;
  decorateRequest(name: string, value: null): unknown;
  addHook(name: 'preParsing', hook: PreParsing): unknown;
}

export interface FastifyVerifierOptions extends MiddlewareOptions {
  /** Answers a refused request. Default: 401 with `{code, hint}`. */
  onRefused?: (refusal: Refusal, request: FastifyRequest, reply: FastifyReply) => unknown;
}

/** What the plugin puts on each request that it lets pass. */
export interface SignedFastifyRequest {
  signature: Verified;
  rawBody: Buffer;
}

/** Fastify plugin: every route of the scope that registers it is verified on the raw bytes, before they are parsed. */
export async function fastifyVerifier(instance: FastifyInstance, options: FastifyVerifierOptions): Promise<void> {
  const verifier = createVerifier(options);
  const limitBytes = options.limitBytes ?? DEFAULT_LIMIT_BYTES;
  const onRefused = options.onRefused ?? answerRefusal;
  for (const name of ['signature', 'rawBody']) if (!instance.hasRequestDecorator(name)) instance.decorateRequest(name, null);
  instance.addHook('preParsing', async (request, reply, payload) => {
    const body = await collect(payload, limitBytes);
    const verdict = await verifier.verify({ method: request.method, url: request.originalUrl, headers: request.headers, body });
    if (!verdict.ok) return onRefused(verdict, request, reply);
    Object.assign(request, { signature: verdict, rawBody: body } satisfies SignedFastifyRequest);
    return Readable.from(body.length === 0 ? [] : [body]);
  });
}
/** Fastify's own mark of a plugin whose hooks belong to the scope that registers it. */
Object.assign(fastifyVerifier, { [Symbol.for('skip-override')]: true });

const answerRefusal = ({ code, hint }: Refusal, _request: FastifyRequest, reply: FastifyReply) =>
  reply.code(401).header('www-authenticate', 'SDK-HMAC-SHA256').send({ code, hint });
