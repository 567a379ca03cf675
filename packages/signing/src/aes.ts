import { createCipheriv, createHmac, createSecretKey, hash } from 'node:crypto';
import type { SignAlgorithm } from './algorithms.js';
import { sameHex } from './compare.js';
import { UnusableKeyError } from './errors.js';
import { type Scheme, signedForm } from './scheme.js';

const BLOCK = 16;

/**
 * A MAC from AES-CFB with the key's fixed IV. It encrypts SHA-256(string to sign) and one block of zeros, and sends only the last block.
 * That block is E(C₂), so the result is a CBC-MAC of three blocks (IV and two halves of the hash). This is sound because all messages have
 * the same length, and no other block is sent, so that the key stream, which a fixed IV repeats, never leaves the signer. Limits:
 * docs/signing.md.
 */
export const aes = (algorithm: SignAlgorithm, keyLength: number): Scheme => ({
  ...signedForm(`SIGNET-${algorithm.toUpperCase()}-MAC`),
  load({ signKey, signSecret }) {
    const vector = Buffer.from(signSecret ?? '', 'utf8');
    const keyBytes = Buffer.from(signKey, 'utf8');
    if (keyBytes.length !== keyLength) throw new UnusableKeyError(`the key of ${algorithm} has ${keyLength} bytes`);
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

/** `sign_key` is the cipher's key, so the header has a value that is derived from both halves. */
const keyId = (key: Buffer, vector: Buffer) =>
  createHmac('sha256', key).update('signet aes key id\n').update(vector).digest('hex').slice(0, 32);
