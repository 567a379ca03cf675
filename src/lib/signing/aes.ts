import { createCipheriv, createHmac, createSecretKey, hash } from 'node:crypto';
import type { SignAlgorithm } from './algorithms.js';
import { sameHex } from './compare.js';
import { UnusableKeyError } from './errors.js';
import { type Scheme, signedForm } from './scheme.js';

const BLOCK = 16;
const KEY_BYTES: Record<SignAlgorithm, number> = { 'aes-128-cfb': 16, 'aes-256-cfb': 32 };

/**
 * A MAC out of AES-CFB with the key's fixed vector: encrypt SHA-256(string to sign) and one block of zeros, send the last
 * block only. That block is E(C₂), which makes the whole the CBC-MAC of three blocks (vector, two halves of the hash):
 * sound because every message has the same length, and no other block is shown, so the key stream that a fixed vector
 * repeats never leaves the signer. Why, and what it does not protect: docs/signing.md.
 */
export const aes = (algorithm: SignAlgorithm): Scheme => ({
  ...signedForm(`SIGNET-${algorithm.toUpperCase()}-MAC`),
  load({ signKey, signSecret }) {
    const vector = Buffer.from(signSecret ?? '', 'utf8');
    const keyBytes = Buffer.from(signKey, 'utf8');
    if (keyBytes.length !== KEY_BYTES[algorithm]) throw new UnusableKeyError(`the key of ${algorithm} has ${KEY_BYTES[algorithm]} bytes`);
    if (vector.length !== BLOCK) throw new UnusableKeyError(`the secret of ${algorithm}, its vector, has ${BLOCK} bytes`);
    const key = createSecretKey(keyBytes);
    const sign = (stringToSign: string) => {
      const message = Buffer.alloc(3 * BLOCK);
      hash('sha256', stringToSign, 'buffer').copy(message);
      return createCipheriv(algorithm, key, vector)
        .update(message)
        .toString('hex', 2 * BLOCK);
    };
    return { accessId: keyId(keyBytes, vector), sign, verify: (stringToSign, signature) => sameHex(signature, sign(stringToSign)) };
  },
});

/** `sign_key` is the cipher's key here, so the header names a value derived from both halves. */
const keyId = (key: Buffer, vector: Buffer) =>
  createHmac('sha256', key).update('signet aes key id\n').update(vector).digest('hex').slice(0, 32);
