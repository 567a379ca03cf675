import { EMPTY_SHA256, type RawBody, sha256 } from './body.js';
import { UNSIGNED_PAYLOAD } from './canonical-request.js';
import type { Refusal } from './errors.js';
import type { HeaderSource } from './headers.js';
import type { Credentials, Scheme } from './scheme.js';

/** A request without its body. */
export interface RequestHead {
  method: string;
  /** The target as received: path and query, undecoded, before a router removed a prefix. */
  url: string;
  headers: HeaderSource;
}

/** The body of a request, or its hash. */
export interface ReceivedBody {
  /** The bytes as received, never a parsed body; `null` when the request has none. */
  body?: RawBody;
  /** Instead of `body`: the hex SHA-256 of a body that was hashed while it was received. */
  bodySha256?: string;
}

/** A request as received. */
export type ReceivedRequest = RequestHead & ReceivedBody;

/** The parsed signature headers of a request, before any key or the body is used. Cheap to parse for any request. */
export interface ParsedAuthorization extends Credentials {
  ok: true;
  scheme: Scheme;
  /** Milliseconds since the epoch; 0 for a scheme without a string to sign. */
  signedAt: number;
  /** Milliseconds since the epoch: the sender's own end of the signature, if it named one. */
  expiresAt?: number;
  bodySigned: boolean;
  /** Computes what was signed; expensive, so called once a key is known. */
  signedContent(received: ReceivedBody): SignedContent | Refusal;
}

/** What a signature covers. */
export interface SignedContent {
  ok: true;
  /** Verified with each candidate key. */
  stringToSign: string;
  canonicalRequest: string;
  /** Whether the body matches `X-Sdk-Content-Sha256` or `Content-Digest`; hashes the body, so call it last. */
  bodyMatches(): boolean;
}

/** Clients sign a handful. */
export const SIGNED_HEADERS_MAX = 64;
/** Characters of the target and the signed headers: twice the limit of HTTP servers. */
export const SIGNED_CHARS_MAX = 65_536;

/** Returns the function that hashes the body; undefined for input that is not a body. */
export function bodyHash(body: unknown, bodySha256: unknown): (() => string) | undefined {
  // `UNSIGNED-PAYLOAD` is not a hash: only the request itself may say that its body is unsigned.
  if (typeof bodySha256 === 'string') return bodySha256 === UNSIGNED_PAYLOAD ? undefined : () => bodySha256;
  if (body === null) return () => EMPTY_SHA256;
  return typeof body === 'string' || body instanceof Uint8Array ? () => sha256(body) : undefined;
}
