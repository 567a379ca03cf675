import { createHmac, createPrivateKey, createPublicKey, createSecretKey, sign as signWith, verify as verifyWith } from 'node:crypto';
import { sameText } from './compare.js';
import { UnusableKeyError } from './errors.js';

/** A key of a Standard Webhooks signature, chosen by the prefix of its text. */
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

/**
 * `whsec_…` (or bare base64) is a symmetric secret, `whsk_…` an Ed25519 private key (seed, or seed and public key), `whpk_…`
 * a public key (endpoints §3.1).
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
  const key = createPrivateKey({ key: Buffer.concat([PKCS8_ED25519, bytes.subarray(0, SEED_BYTES)]), format: 'der', type: 'pkcs8' });
  const open = createPublicKey(key);
  return {
    version: 'v1a',
    sign: (message) => signWith(null, message, key).toString('base64'),
    verify: (message, signature) => verifyWith(null, message, open, Buffer.from(signature, 'base64')),
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
    verify: (message, signature) => verifyWith(null, message, key, Buffer.from(signature, 'base64')),
  };
}
