import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { promisify } from 'node:util';
import { LRUCache } from 'lru-cache';

const KEYS_MAX = 20_000;
/** The form with a callback runs in libuv's thread pool, so that it does not block the event loop. */
const verifyInThreadPool = promisify<null, Buffer, KeyObject, Buffer, boolean>((algorithm, data, key, signature, done) =>
  verify(algorithm, data, key, signature, done),
);

const keys = new LRUCache<string, KeyObject>({ max: KEYS_MAX });

function keyOf(publicKey: string): KeyObject {
  const known = keys.get(publicKey);
  if (known) return known;
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: publicKey }, format: 'jwk' });
  keys.set(publicKey, key);
  return key;
}

/**
 * Checks a signature.
 * @param publicKey Ed25519, 32 bytes as base64url
 * @param signature 64 bytes as base64url
 * @returns false for a malformed key or signature too
 */
export async function isSignedBy(publicKey: string, bytes: Buffer, signature: string): Promise<boolean> {
  let key: KeyObject;
  try {
    key = keyOf(publicKey);
  } catch {
    return false;
  }
  return verifyInThreadPool(null, bytes, key, Buffer.from(signature, 'base64url'));
}
