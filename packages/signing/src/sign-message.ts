import { randomBytes } from 'node:crypto';
import { UNSIGNED_PAYLOAD } from './canonical-request.js';
import { systemNow } from './clock.js';
import { formatContentDigest } from './content-digest.js';
import type { ReadyKey } from './schemes.js';
import {
  CONTENT_DIGEST,
  derivedComponent,
  REQUIRED_COMPONENTS,
  SIGNATURE_TAG,
  signatureBase,
  signatureParameters,
} from './signature-base.js';
import type { BareItem } from './structured-fields.js';

/** Label of our signatures. It is not signed, so verifiers look for the tag. */
const LABEL = 'signet';
const NONCE_BYTES = 16;
/** Origin-form, in ASCII. */
const TARGET = /^\/[!-~]*$/;
const SHA256 = /^[0-9a-f]{64}$/i;

const string = (value: string): BareItem => ({ type: 'string', value });
const randomNonce = () => randomBytes(NONCE_BYTES).toString('base64url');

/**
 * Signs a request with an HTTP message signature (RFC 9421), whose `content-digest` (RFC 9530) covers the body, an empty one too.
 * `payload` is the hex SHA-256 of the body, or UNSIGNED-PAYLOAD; `further` are header fields to cover, names in lower case.
 * @throws UnusableKeyError, TypeError
 */
export function signMessage(
  { method, url, host, payload, further }: { method: string; url: string; host: string; payload: string; further: Record<string, string> },
  key: ReadyKey,
  { now = systemNow, nonce = randomNonce }: { now?: () => number; nonce?: () => string },
): { 'signature-input': string; signature: string; 'content-digest'?: string } {
  if (!TARGET.test(url)) throw new TypeError('a signed target starts with a slash and is ASCII: encode it');
  const covered = payload !== UNSIGNED_PAYLOAD;
  if (covered && !SHA256.test(payload)) throw new TypeError('bodySha256 is a SHA-256 in hexadecimal');
  const values = new Map<string, string>();
  for (const name of REQUIRED_COMPONENTS) values.set(name, derivedComponent(name, { method, authority: host, target: url }) ?? '');
  for (const [name, value] of Object.entries(further)) values.set(name, value);
  const digest = covered ? formatContentDigest(payload) : undefined;
  if (digest !== undefined) values.set(CONTENT_DIGEST, digest);
  const parameters = signatureParameters(
    [...values.keys()],
    [
      ['created', { type: 'integer', value: String(Math.floor(now() / 1000)) }],
      ['keyid', string(key.accessId)],
      ['alg', string(key.scheme.name)],
      ['nonce', string(nonce())],
      ['tag', string(SIGNATURE_TAG)],
    ],
  );
  return {
    'signature-input': `${LABEL}=${parameters}`,
    signature: `${LABEL}=:${key.sign(signatureBase(values, parameters))}:`,
    ...(digest !== undefined && { 'content-digest': digest }),
  };
}
