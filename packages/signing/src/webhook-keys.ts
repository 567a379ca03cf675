import {
  createHmac,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign as signWith,
  verify as verifyWith,
} from 'node:crypto';
import { canonicalBase64 } from './base64.js';
import { sameText } from './compare.js';
import { UnusableKeyError } from './errors.js';

/** A Standard Webhooks key; its prefix selects the algorithm. */
export interface StandardKey {
  /** `v1` is HMAC-SHA256, `v1a` Ed25519. */
  version: 'v1' | 'v1a';
  /** @throws UnusableKeyError for a public key */
  sign(message: Buffer): string;
  verify(message: Buffer, signature: string): boolean;
}

const PKCS8_ED25519 = Buffer.from('302e020100300506032b657004220420', 'hex');
const SPKI_ED25519 = Buffer.from('302a300506032b6570032100', 'hex');
const SEED_BYTES = 32;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;
/** Length limits of a symmetric secret (docs/contracts/endpoints.md §3.1). */
const SECRET_BYTES_MIN = 24;
const SECRET_BYTES_MAX = 64;

/**
 * Parses `whsec_…` (or bare base64), a symmetric secret; `whsk_…`, an Ed25519 private key (seed, or seed and public key); `whpk_…`, a public
 * key (docs/contracts/endpoints.md §3.1).
 * @throws UnusableKeyError
 */
export function standardKey(text: string): StandardKey {
  const [prefix, body] = /^wh(?:sec|sk|pk)_/.test(text) ? split(text) : ['whsec', text];
  const bytes = Buffer.from(body, 'base64');
  if (!BASE64.test(body) || bytes.length === 0) throw new UnusableKeyError('a Standard Webhooks key is base64 after its prefix');
  if (prefix === 'whsec') return symmetric(bytes);
  return prefix === 'whsk' ? privateKey(bytes) : publicKey(bytes);
}

function split(text: string): [prefix: string, body: string] {
  const underscore = text.indexOf('_');
  return [text.slice(0, underscore), text.slice(underscore + 1)];
}

function symmetric(bytes: Buffer): StandardKey {
  const secret = createSecretKey(bytes);
  const sign = (message: Buffer) => createHmac('sha256', secret).update(message).digest('base64');
  return { version: 'v1', sign, verify: (message, signature) => sameText(signature, sign(message)) };
}

function privateKey(bytes: Buffer): StandardKey {
  if (bytes.length !== SEED_BYTES && bytes.length !== 2 * SEED_BYTES) throw new UnusableKeyError('a whsk_ key has 32 or 64 bytes');
  const key = fromSeed(bytes.subarray(0, SEED_BYTES));
  const open = createPublicKey(key);
  return {
    version: 'v1a',
    sign: (message) => signWith(null, message, key).toString('base64'),
    verify: (message, signature) => verifiesText(message, open, signature),
  };
}

function publicKey(bytes: Buffer): StandardKey {
  if (bytes.length !== SEED_BYTES) throw new UnusableKeyError('a whpk_ key has 32 bytes');
  const key = createPublicKey({ key: Buffer.concat([SPKI_ED25519, bytes]), format: 'der', type: 'spki' });
  return {
    version: 'v1a',
    sign() {
      throw new UnusableKeyError('a whpk_ key can only verify');
    },
    verify: (message, signature) => verifiesText(message, key, signature),
  };
}

function verifiesText(message: Buffer, key: KeyObject, signature: string): boolean {
  const bytes = canonicalBase64(signature);
  return bytes !== undefined && verifyWith(null, message, key, bytes);
}

const fromSeed = (seed: Buffer): KeyObject => createPrivateKey({ key: Buffer.concat([PKCS8_ED25519, seed]), format: 'der', type: 'pkcs8' });

/** The public key's 32 bytes. */
const publicBytes = (key: KeyObject): Buffer => createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(SPKI_ED25519.length);

/** A webhook signing key as text. */
export interface WebhookKeyText {
  /** `whsec_…` or `whsk_…` */
  secret: string;
  /** `whpk_…` of a `whsk_` key, for the receiver. */
  publicKey: string | null;
}

/** A new `whsec_` secret: 24 bytes in 32 characters without padding, valid in both dialects (docs/contracts/endpoints.md §1.3, §3.1). */
export const newWebhookSecret = (): WebhookKeyText => ({
  secret: `whsec_${randomBytes(SECRET_BYTES_MIN).toString('base64')}`,
  publicKey: null,
});

/** A new Ed25519 pair: `whsk_` with seed and public key, `whpk_` with the public key. */
export function newWebhookKeyPair(): WebhookKeyText {
  const { privateKey } = generateKeyPairSync('ed25519');
  const seed = privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(PKCS8_ED25519.length);
  const open = publicBytes(privateKey);
  return { secret: `whsk_${Buffer.concat([seed, open]).toString('base64')}`, publicKey: `whpk_${open.toString('base64')}` };
}

/**
 * Parses an imported signing key.
 * @param text `whsec_` and base64 of 24 to 64 bytes, or `whsk_` and base64 of a seed, with or without its public key
 * @throws UnusableKeyError, whose message does not contain the key
 */
export function readWebhookKey(text: string): WebhookKeyText {
  const [prefix, body] = /^wh(?:sec|sk)_/.test(text) ? split(text) : ['', ''];
  const bytes = Buffer.from(body, 'base64');
  // Accepts only canonical base64, because the `x-webhook` dialect uses the text as the HMAC key.
  if (prefix === '' || bytes.toString('base64') !== body) throw new UnusableKeyError('a signing key is whsec_ or whsk_ and padded base64');
  if (prefix === 'whsec') {
    if (bytes.length < SECRET_BYTES_MIN || bytes.length > SECRET_BYTES_MAX)
      throw new UnusableKeyError(`a whsec_ secret has ${SECRET_BYTES_MIN} to ${SECRET_BYTES_MAX} bytes`);
    if (new Set(bytes).size < 8) throw new UnusableKeyError('a whsec_ secret is random bytes');
    return { secret: text, publicKey: null };
  }
  if (bytes.length !== SEED_BYTES && bytes.length !== 2 * SEED_BYTES) throw new UnusableKeyError('a whsk_ key has 32 or 64 bytes');
  if (new Set(bytes.subarray(0, SEED_BYTES)).size < 8) throw new UnusableKeyError('a whsk_ key is random bytes');
  const open = publicBytes(fromSeed(bytes.subarray(0, SEED_BYTES)));
  if (bytes.length > SEED_BYTES && !bytes.subarray(SEED_BYTES).equals(open))
    throw new UnusableKeyError('the public half of a whsk_ key is not that of its seed');
  return { secret: text, publicKey: `whpk_${open.toString('base64')}` };
}
