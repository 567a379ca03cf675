import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { answerTo, closing } from './answers.js';
import { isRefusal, type Refusal, refuse } from './errors.js';
import { DEFAULT_LIMIT_BYTES, isAnnounced, isShort, type MiddlewareOptions, read, verifierOf } from './raw-body.js';
import type { Verified } from './verify.js';

// The parts of Fastify used here, declared so that the library depends on no framework.
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

export type FastifyVerifierOptions = MiddlewareOptions & {
  /** Sends the response to a refused request. Default: 401, 413 or 503 with `{code, hint}`. */
  onRefused?: (refusal: Refusal, request: FastifyRequest, reply: FastifyReply) => unknown;
};

/** Properties that the plugin sets on verified requests. */
export interface SignedFastifyRequest {
  /** Null when report-only mode let the request pass. */
  signature: Verified | null;
  rawBody: Buffer;
}

/** Fastify plugin: verifies the raw bytes of every route in its scope before they are parsed. */
export async function fastifyVerifier(instance: FastifyInstance, options: FastifyVerifierOptions): Promise<void> {
  const verifier = verifierOf(options);
  const { limitBytes = DEFAULT_LIMIT_BYTES, onRefused = answerRefusal } = options;
  for (const name of ['signature', 'rawBody']) if (!instance.hasRequestDecorator(name)) instance.decorateRequest(name, null);
  instance.addHook('preParsing', async (request, reply, payload) => {
    const head = { method: request.method, url: request.originalUrl, headers: request.headers };
    const begun = await verifier.begin(head);
    // Does not read the body of a request refused by its headers.
    if (!begun.ok) return verifier.passes(begun, head) ? payload : onRefused(begun, request, reply);
    const wasRead = payload.readableDidRead && isAnnounced(request.headers);
    const body = wasRead ? WAS_READ : await read(payload, request.headers, limitBytes);
    const verdict = isRefusal(body) ? body : isShort(body, request.headers) ? WAS_READ : await begun.finish({ body });
    if (!verifier.passes(verdict, head)) return onRefused(verdict as Refusal, request, reply);
    if (isRefusal(body)) return payload;
    Object.assign(request, { signature: verdict.ok ? verdict : null, rawBody: body } satisfies SignedFastifyRequest);
    return Readable.from(body.length === 0 ? [] : [body]);
  });
}
/** Makes Fastify add the hooks to the registering scope. */
Object.assign(fastifyVerifier, { [Symbol.for('skip-override')]: true });

const WAS_READ = refuse('malformed', 'a hook read the body before it could be verified: register fastifyVerifier first');

function answerRefusal(refusal: Refusal, _request: FastifyRequest, reply: FastifyReply) {
  const { status, headers, body } = answerTo(refusal);
  for (const [name, value] of Object.entries({ ...headers, ...closing(refusal) })) reply.header(name, value);
  return reply.code(status).send(body);
}
