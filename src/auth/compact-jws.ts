import { createPublicKey, type KeyObject } from 'node:crypto';
import jwt, { type Algorithm } from 'jsonwebtoken';
import { Fault } from '../common/api-error.js';

const TOKEN_MAX_CHARS = 16_384;
const COMPACT = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;
/** ES256, ES384 and ES512 sign with two numbers of fixed length (RFC 7518 §3.4); for RSA the library knows the length by the key. */
const SIGNATURE_BYTES: Readonly<Record<string, number>> = { ES256: 64, ES384: 96, ES512: 132 };
/** Clocks of others may be ahead of ours by this much. */
export const SKEW_MS = 60_000;

/** What a token may look like. Whatever else stands in its header (`crit`, `b64`, `jwk`, `jku`, `x5u`, `x5c`, `zip` …) refuses it. */
export interface JwsForm {
  algorithms: readonly Algorithm[];
  headers: ReadonlySet<string>;
  /** Values of `typ`, in lower case; a token without one passes. */
  types: ReadonlySet<string>;
}

export interface JwsHeader {
  alg: Algorithm;
  kid?: string;
}

/**
 * The header of something that has the form of a signed token (RFC 7515 §3.1), before any of it is believed. jsonwebtoken ignores
 * `crit` and reads keys from nowhere, but takes some signatures that are no base64url or not of their length.
 * @throws Fault `token_invalid`
 */
export function readJwsHeader(token: string, { algorithms, headers, types }: JwsForm): JwsHeader {
  if (token.length > TOKEN_MAX_CHARS || !COMPACT.test(token)) throw new Fault('token_invalid');
  const [head = '', , signature = ''] = token.split('.');
  let header: unknown;
  try {
    header = JSON.parse(Buffer.from(head, 'base64url').toString('utf8'));
  } catch {
    throw new Fault('token_invalid');
  }
  if (!isRecord(header) || !Object.keys(header).every((name) => headers.has(name))) throw new Fault('token_invalid');
  const { alg, typ, kid } = header;
  const allowed = algorithms.find((algorithm) => algorithm === alg);
  if (!allowed || (typ !== undefined && (typeof typ !== 'string' || !types.has(typ.toLowerCase())))) throw new Fault('token_invalid');
  if (kid !== undefined && typeof kid !== 'string') throw new Fault('token_invalid');
  const bytes = Buffer.from(signature, 'base64url');
  const length = SIGNATURE_BYTES[allowed];
  if (bytes.toString('base64url') !== signature || (length !== undefined && bytes.length !== length)) throw new Fault('token_invalid');
  return { alg: allowed, ...(kid !== undefined && { kid }) };
}

/**
 * The payload of a token that this key signed and whose `exp`, `nbf`, `iss` and `aud` hold. `exp` is not asked for: see
 * {@link readLifetime}.
 * @param now milliseconds since the epoch
 * @throws Fault `token_expired`, or `token_invalid` for everything else that is wrong with it
 */
export function verifyJws(
  token: string,
  key: KeyObject,
  { alg }: JwsHeader,
  now: number,
  party: { issuer?: string; audience?: string; clockTolerance?: number } = {},
): Record<string, unknown> {
  let payload: unknown;
  try {
    payload = jwt.verify(token, key, { algorithms: [alg], clockTimestamp: now / 1000, ...party });
  } catch (error) {
    // The library's message is not passed on: it can quote the token.
    throw new Fault(error instanceof jwt.TokenExpiredError ? 'token_expired' : 'token_invalid');
  }
  if (!isRecord(payload)) throw new Fault('token_invalid');
  return payload;
}

/**
 * When a token was issued and when it ends, in milliseconds since the epoch. The library lets a token without `exp`, with a future
 * `iat` and with a life of years pass.
 * @throws Fault `token_invalid`
 */
export function readLifetime(
  { iat, exp }: Record<string, unknown>,
  now: number,
  maxLifeMs: number,
): { issuedAt: number; expiresAt: number } {
  if (!Number.isFinite(iat) || !Number.isFinite(exp)) throw new Fault('token_invalid');
  const issuedAt = Math.round((iat as number) * 1000);
  const expiresAt = Math.round((exp as number) * 1000);
  if (issuedAt > now + SKEW_MS || expiresAt <= issuedAt || expiresAt - issuedAt > maxLifeMs) throw new Fault('token_invalid');
  return { issuedAt, expiresAt };
}

const RSA_BITS_MIN = 2048;

/** A public key that may verify: elliptic, or RSA of at least 2048 bits (RFC 7518 §3.3). @throws Error when it is none */
export function readPublicKey(pem: string): KeyObject {
  if (/PRIVATE KEY/.test(pem)) throw new Error('a private key stands where a public one should');
  const key = createPublicKey(pem);
  const bits = key.asymmetricKeyDetails?.modulusLength;
  if (key.asymmetricKeyType !== 'ec' && !(bits !== undefined && bits >= RSA_BITS_MIN))
    throw new Error('the key is too weak, or of another kind');
  return key;
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
