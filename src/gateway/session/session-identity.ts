import { generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';

/** The id of a session and its signing key. The private key is stored only in memory and in the state folder. */
export interface SessionIdentity {
  readonly sessionId: string;
  /** Ed25519 public key, 32 bytes as base64url. */
  readonly publicKey: string;
  readonly privateKey: KeyObject;
}

const SESSION_BYTES = 16;

export function newSessionIdentity(): SessionIdentity {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  return { sessionId: randomBytes(SESSION_BYTES).toString('hex'), publicKey: publicKey.export({ format: 'jwk' }).x ?? '', privateKey };
}
