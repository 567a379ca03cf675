import type { FastifyInstance, FastifyRequest } from 'fastify';
import { collect } from '../lib/signing/raw-body.js';
import { isSigned } from './credentials.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** The bytes of the body as they arrived. Kept of signed requests alone: their hash is signed, and a parsed body has another. */
    rawBody?: Buffer;
  }
}

/** Methods whose bodies Fastify leaves unread. The Node SDK sends `{}` with its GETs to the identity service, and signs it (apig §6.5). */
const UNREAD = new Set(['GET', 'HEAD']);

/** Called by the body parser. */
export function keepRawBody(request: FastifyRequest, body: Buffer): void {
  if (isSigned(request)) request.rawBody = body;
}

/** Reads what a signed request says in a body that no parser looks at. */
export function keepUnreadBodies(server: FastifyInstance, limitBytes: number): void {
  server.addHook('preParsing', (request, _reply, payload, done) => {
    const { 'content-length': length, 'transfer-encoding': coding } = request.headers;
    if (!UNREAD.has(request.method) || (coding === undefined && (length === undefined || length === '0')) || !isSigned(request))
      return done(null, payload);
    collect(payload as AsyncIterable<Uint8Array>, limitBytes).then(
      (bytes) => {
        request.rawBody = bytes;
        done(null, payload);
      },
      (error: unknown) => done(error as Error),
    );
  });
}
