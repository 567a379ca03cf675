import type { IncomingMessage } from 'node:http';
import type { RawBody } from './body.js';
import type { Verified } from './verify.js';
import type { VerifierOptions } from './verifier.js';

/** A request of node:http as frameworks dress it. */
export type FrameworkRequest = IncomingMessage & {
  /** The target before a router took its prefix away. */
  originalUrl?: string;
  body?: unknown;
  rawBody?: unknown;
  signature?: Verified;
};

/** What a middleware of this library found out about a request; undefined for one that passed none. */
export const signatureOf = (request: object): Verified | undefined => (request as FrameworkRequest).signature;

export interface MiddlewareOptions extends VerifierOptions {
  /** Longest body read for verification. Default 12 MiB, the gateway's own limit (apig §8.1). */
  limitBytes?: number;
}

export const DEFAULT_LIMIT_BYTES = 12 * 1024 * 1024;

export class BodyTooLargeError extends Error {
  readonly statusCode = 413;
  override readonly name = 'BodyTooLargeError';
  constructor(limitBytes: number) {
    super(`the body is longer than ${limitBytes} bytes`);
  }
}

/** @throws BodyTooLargeError as soon as the limit is passed */
export async function collect(chunks: AsyncIterable<Uint8Array | string>, limitBytes: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    const part = Buffer.from(chunk as Uint8Array);
    length += part.length;
    if (length > limitBytes) throw new BodyTooLargeError(limitBytes);
    parts.push(part);
  }
  return parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts, length);
}

/**
 * The bytes of the body, wherever they are: kept by a parser, still in the stream, or nowhere because there are none.
 * Undefined when a parser has eaten them; a parsed body is never written out again to be hashed.
 */
export async function rawBodyOf(request: FrameworkRequest, stream: IncomingMessage, limitBytes: number): Promise<RawBody | undefined> {
  if (request.rawBody instanceof Uint8Array) return request.rawBody;
  if (request.body instanceof Uint8Array) return request.body;
  // Read rather than believe the headers: over HTTP/2 a body needs no Content-Length.
  if (!stream.readableDidRead) {
    const bytes = await collect(stream, limitBytes);
    return bytes.length === 0 ? null : bytes;
  }
  const { 'content-length': length, 'transfer-encoding': coding } = request.headers;
  const announced = coding !== undefined || (length !== undefined && Number(length) !== 0);
  return announced || stream.httpVersionMajor > 1 ? undefined : null;
}
