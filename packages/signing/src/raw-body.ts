import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import type { RawBody } from './body.js';
import { isRefusal, type Refusal, refuse } from './errors.js';
import { type Begun, createVerifier, type Verifier, type VerifierOptions } from './verifier.js';
import type { Verification, Verified } from './verify.js';

/** A node:http request with the properties that frameworks add. */
export type FrameworkRequest = IncomingMessage & {
  /** The target before a router removed its prefix. */
  originalUrl?: string;
  body?: unknown;
  rawBody?: unknown;
  signature?: Verified | null;
};

/** The verified signature that a middleware of this library has set; undefined if none ran, or report-only mode let the request pass. */
export const signatureOf = (request: object): Verified | undefined => (request as FrameworkRequest).signature ?? undefined;

/** Options of a verifier, or one that was created before, whose `counts` can be read. */
export type MiddlewareOptions = (VerifierOptions | { verifier: Verifier }) & {
  /** Largest body read for verification, bytes. Default 12 MiB, the gateway's own limit (docs/contracts/apig.md §8.1). */
  limitBytes?: number;
};

/** @throws UnusableKeyError when a key of a fixed list is invalid */
export const verifierOf = (options: MiddlewareOptions): Verifier => ('verifier' in options ? options.verifier : createVerifier(options));

export const DEFAULT_LIMIT_BYTES = 12 * 1024 * 1024;

export class BodyTooLargeError extends Error {
  readonly statusCode = 413;
  override readonly name = 'BodyTooLargeError';
  constructor(limitBytes: number) {
    super(`the body is longer than ${limitBytes} bytes`);
  }
}

/** @throws BodyTooLargeError as soon as the limit is exceeded */
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

export const tooLarge = (limitBytes: number): Refusal => refuse('too_large', new BodyTooLargeError(limitBytes).message);

/**
 * Reads a stream to its end. A body beyond the limit is a refusal, and the stream then gives the whole of it again, for report-only mode.
 */
export async function read(stream: Readable, headers: IncomingHttpHeaders, limitBytes: number): Promise<Buffer | Refusal> {
  if (Number(headers['content-length']) > limitBytes) return tooLarge(limitBytes);
  const parts: Buffer[] = [];
  const kept = async function* () {
    for await (const chunk of stream.iterator({ destroyOnReturn: false })) {
      const part = Buffer.from(chunk as Uint8Array);
      parts.push(part);
      yield part;
    }
  };
  try {
    return await collect(kept(), limitBytes);
  } catch (error) {
    if (!(error instanceof BodyTooLargeError)) throw error;
    stream.unshift(Buffer.concat(parts));
    return tooLarge(limitBytes);
  }
}

/**
 * The raw body: stored by a parser, read from the stream, or null when there is none. Undefined when a parser has consumed it; a parsed body
 * is never serialised again for hashing.
 */
export async function rawBodyOf(
  request: FrameworkRequest,
  stream: IncomingMessage,
  limitBytes: number,
): Promise<RawBody | Refusal | undefined> {
  const stored = [request.rawBody, request.body].find((each) => each instanceof Uint8Array);
  if (stored !== undefined) return isShort(stored, request.headers) ? undefined : stored;
  // Reads the stream instead of trusting headers: an HTTP/2 body needs no Content-Length.
  if (!stream.readableDidRead) {
    const bytes = await read(stream, request.headers, limitBytes);
    if (!(bytes instanceof Uint8Array)) return bytes;
    if (isShort(bytes, request.headers)) return undefined;
    return bytes.length === 0 ? null : bytes;
  }
  return isAnnounced(request.headers) || stream.httpVersionMajor > 1 ? undefined : null;
}

/** Whether there is nothing that can be verified. */
export const isRefused = (body: RawBody | Refusal | undefined): body is Refusal | undefined =>
  body === undefined || (typeof body === 'object' && body !== null && isRefusal(body));

/** The verdict about a body that was read, or could not be. */
export const concluded = async (begun: Begun, body: RawBody | Refusal | undefined): Promise<Verification> =>
  body !== undefined && isRefused(body) ? body : begun.finish({ body });

/** Whether the headers announce a body. */
export const isAnnounced = ({ 'content-length': length, 'transfer-encoding': coding }: IncomingHttpHeaders): boolean =>
  coding !== undefined || (length !== undefined && Number(length) !== 0);

/** Whether other code has read a part of the body, which its handler may use. In that case, fewer bytes than announced are left. */
export const isShort = (bytes: Uint8Array, { 'content-length': length }: IncomingHttpHeaders): boolean =>
  length !== undefined && bytes.length < Number(length);
