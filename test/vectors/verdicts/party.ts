/**
 * Who signs: one key of each kind, written from docs/signing.md with node:crypto alone. Nothing of packages/ is used, so that a fault there
 * cannot be in the vectors too. Signatures with a salt take it from the seed.
 */
import {
  constants,
  createCipheriv,
  createHmac,
  createPrivateKey,
  createPublicKey,
  hash,
  privateEncrypt,
  type KeyObject,
} from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Dice } from '../dice.ts';
import type { GatewayKey } from './vector.ts';

export interface Party {
  /** What a verifier is given. */
  key: GatewayKey;
  /** `Access=` of its Authorization header. */
  accessId: string;
  scheme: string;
  /** Lower-case hex. */
  mac(stringToSign: string): string;
}

interface RsaPair {
  publicKey: string;
  privateKey: string;
}
export const RSA_KEYS = JSON.parse(readFileSync(new URL('rsa-keys.json', import.meta.url), 'utf8')) as Record<
  'first' | 'second' | 'short',
  RsaPair
>;

export const sha256 = (bytes: Uint8Array | string): string => hash('sha256', bytes, 'hex');
const digest = (bytes: Uint8Array): Buffer => hash('sha256', bytes, 'buffer');
export const hmacHex = (secret: string | Uint8Array, text: string): string => createHmac('sha256', secret).update(text).digest('hex');

export const hmacParty = (signKey: string, signSecret: string, id?: string): Party => ({
  key: { ...(id !== undefined && { id }), signType: 'hmac', signKey, signSecret },
  accessId: signKey,
  scheme: 'SDK-HMAC-SHA256',
  mac: (text) => hmacHex(signSecret, text),
});

export const aesParty = (signAlgorithm: 'aes-128-cfb' | 'aes-256-cfb', signKey: string, signSecret: string): Party => ({
  key: { signType: 'aes', signAlgorithm, signKey, signSecret },
  accessId: hmacHex(signKey, `signet aes key id\n${signSecret}`).slice(0, 32),
  scheme: `SIGNET-${signAlgorithm.toUpperCase()}-MAC`,
  mac: (text) =>
    createCipheriv(signAlgorithm, signKey, signSecret)
      .update(Buffer.concat([digest(Buffer.from(text)), Buffer.alloc(16)]))
      .toString('hex', 32),
});

export const rsaParty = ({ publicKey, privateKey }: RsaPair, roll: Dice, saltBytes = 32): Party => {
  const key = createPrivateKey({ key: Buffer.from(privateKey, 'base64'), format: 'der', type: 'pkcs8' });
  return {
    key: { signType: 'public_key', signKey: publicKey },
    accessId: sha256(Buffer.from(publicKey, 'base64')).slice(0, 32),
    scheme: 'SIGNET-RSA-PSS-SHA256',
    mac: (text) => pss(key, text, Buffer.from(roll.times(saltBytes, () => roll.below(256)))),
  };
};

const HASH_BYTES = 32;

/** RSASSA-PSS (RFC 8017 §8.1.1, §9.1.1) with SHA-256 and a given salt, which node:crypto does not take. */
function pss(key: KeyObject, text: string, salt: Buffer): string {
  const { modulusLength = 0 } = createPublicKey(key).asymmetricKeyDetails ?? {};
  const length = Math.ceil((modulusLength - 1) / 8);
  const hashed = digest(Buffer.concat([Buffer.alloc(8), digest(Buffer.from(text)), salt]));
  const block = Buffer.concat([Buffer.alloc(length - salt.length - HASH_BYTES - 2), Buffer.from([1]), salt]);
  const mask = Buffer.concat(
    Array.from({ length: Math.ceil(block.length / HASH_BYTES) }, (_, counter) =>
      digest(Buffer.concat([hashed, Buffer.from([0, 0, 0, counter])])),
    ),
  );
  const masked = block.map((byte, at) => byte ^ mask[at]!);
  masked[0]! &= 0xff >> (8 * length - (modulusLength - 1));
  const encoded = Buffer.concat([masked, hashed, Buffer.from([0xbc])]);
  return privateEncrypt({ key, padding: constants.RSA_NO_PADDING }, encoded).toString('hex');
}
