import { createPublicKey, type KeyObject } from 'node:crypto';
import jwt, { type Algorithm } from 'jsonwebtoken';
import { ApiFault } from '../common/api-error.js';

const TOKEN_MAX_CHARS = 16_384;
const COMPACT = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;
/** ES256, ES384 and ES512 signatures have a fixed length (RFC 7518 §3.4); for RSA the library checks the length. */
const SIGNATURE_BYTES: Readonly<Record<string, number>> = { ES256: 64, ES384: 96, ES512: 132 };
/** Tolerance for issuers whose clock is ahead. */
const SKEW_MS = 60_000;

/** Which tokens are accepted. A token with any other header parameter (`crit`, `b64`, `jwk`, `jku`, `x5u`, `x5c`, `zip` …) is refused. */
export interface JwsForm {
  algorithms: readonly Algorithm[];
  headers: ReadonlySet<string>;
  /** Accepted values of `typ`, in lower case; a token without `typ` is accepted. */
  types: ReadonlySet<string>;
}

export interface JwsHeader {
  alg: Algorithm;
  kid?: string;
}

/**
 * Reads the unverified header of a signed token (RFC 7515 §3.1). jsonwebtoken ignores `crit` and never fetches keys, but accepts some
 * signatures that are not canonical base64url or have another length.
 * @throws ApiFault `token_invalid`
 */
export function readJwsHeader(token: string, { algorithms, headers, types }: JwsForm): JwsHeader {
  if (token.length > TOKEN_MAX_CHARS || !COMPACT.test(token)) throw new ApiFault('token_invalid');
  const [head = '', , signature = ''] = token.split('.');
  let header: unknown;
  try {
    header = JSON.parse(Buffer.from(head, 'base64url').toString('utf8'));
  } catch {
    throw new ApiFault('token_invalid');
  }
  if (!isRecord(header) || !Object.keys(header).every((name) => headers.has(name))) throw new ApiFault('token_invalid');
  const { alg, typ, kid } = header;
  const allowed = algorithms.find((algorithm) => algorithm === alg);
  if (!allowed || (typ !== undefined && (typeof typ !== 'string' || !types.has(typ.toLowerCase())))) throw new ApiFault('token_invalid');
  if (kid !== undefined && typeof kid !== 'string') throw new ApiFault('token_invalid');
  const bytes = Buffer.from(signature, 'base64url');
  const length = SIGNATURE_BYTES[allowed];
  if (bytes.toString('base64url') !== signature || (length !== undefined && bytes.length !== length)) throw new ApiFault('token_invalid');
  return { alg: allowed, ...(kid !== undefined && { kid }) };
}

/**
 * Verifies a token and returns its payload. Checks `exp`, `nbf`, `iss` and `aud`. A token without `exp` passes: {@link readLifetime}
 * refuses it.
 * @param now Unix time in milliseconds
 * @throws ApiFault `token_expired`, or `token_invalid` for any other failure
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
    // Omits the library's message, because it can quote the token.
    throw new ApiFault(error instanceof jwt.TokenExpiredError ? 'token_expired' : 'token_invalid');
  }
  if (!isRecord(payload)) throw new ApiFault('token_invalid');
  return payload;
}

/**
 * Reads the times of issue and expiry, as Unix time in milliseconds. Also refuses tokens that the library accepts: without `exp`, with an
 * `iat` in the future, or with a lifetime of years.
 * @throws ApiFault `token_invalid`
 */
export function readLifetime(
  { iat, exp }: Record<string, unknown>,
  now: number,
  maxLifeMs: number,
): { issuedAt: number; expiresAt: number } {
  if (!Number.isFinite(iat) || !Number.isFinite(exp)) throw new ApiFault('token_invalid');
  const issuedAt = Math.round((iat as number) * 1000);
  const expiresAt = Math.round((exp as number) * 1000);
  // The token is authentic, so the detail about the clocks is sent to its issuer only.
  if (issuedAt > now + SKEW_MS)
    throw new ApiFault('token_invalid', {
      detail: `the token was issued ${Math.round((issuedAt - now) / 1000)} seconds in the future by the clock of this host`,
    });
  if (expiresAt <= issuedAt || expiresAt - issuedAt > maxLifeMs) throw new ApiFault('token_invalid');
  return { issuedAt, expiresAt };
}

const RSA_BITS_MIN = 2048;

/** Parses a public key: an elliptic-curve key, or RSA of at least 2048 bits (RFC 7518 §3.3). @throws Error for any other key */
export function readPublicKey(pem: string): KeyObject {
  if (/PRIVATE KEY/.test(pem)) throw new Error('the file contains a private key instead of a public one');
  const key = createPublicKey(pem);
  const bits = key.asymmetricKeyDetails?.modulusLength;
  if (key.asymmetricKeyType !== 'ec' && !(bits !== undefined && bits >= RSA_BITS_MIN))
    throw new Error('the key is too short, or of an unsupported type');
  return key;
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
