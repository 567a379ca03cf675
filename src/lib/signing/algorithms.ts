import { createPrivateKey, createPublicKey, generateKeyPair, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';

/** How a key signs (apig §1.2). */
export const SIGN_TYPES = ['hmac', 'basic', 'public_key', 'aes'] as const;
export type SignType = (typeof SIGN_TYPES)[number];

/** Cipher of an `aes` key; no other type has one. */
export const SIGN_ALGORITHMS = ['aes-128-cfb', 'aes-256-cfb'] as const;
export type SignAlgorithm = (typeof SIGN_ALGORITHMS)[number];

/** What a key of one kind looks like and how one is made. */
export interface KeyRules {
  /** `sign_key` (apig §1.3). */
  key: RegExp;
  /** `sign_secret` (apig §1.3). */
  secret: RegExp;
  /** Makes whichever half the caller left out, from fresh randomness. */
  generate(given: { key?: string; secret?: string }): Promise<{ key: string; secret: string }>;
}

const hex = (bytes: number) => randomBytes(bytes).toString('hex');
/** Four characters for every three bytes, no padding: 16 characters hold 96 bits, 32 hold 192. */
const base64 = (chars: 16 | 32) => randomBytes((chars / 4) * 3).toString('base64');

const symmetric =
  (key: () => string, secret: () => string): KeyRules['generate'] =>
  async (given) => ({ key: given.key ?? key(), secret: given.secret ?? secret() });

const AES_SECRET = /^[A-Za-z0-9+/][A-Za-z0-9_\-!@#$%+/=]{15}$/;
const generateRsa = promisify(generateKeyPair);

/** Base64 DER: the contract's alphabet has no spaces or dashes enough for PEM armour. */
async function rsaPair(given: { key?: string; secret?: string }): Promise<{ key: string; secret: string }> {
  if (given.key !== undefined && given.secret !== undefined) return { key: given.key, secret: given.secret };
  const derived = given.secret === undefined ? undefined : publicKeyOf(given.secret);
  if (given.secret !== undefined && derived !== undefined) return { key: derived, secret: given.secret };
  const pair = await generateRsa('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'der' },
    privateKeyEncoding: { type: 'pkcs8', format: 'der' },
  });
  return { key: given.key ?? pair.publicKey.toString('base64'), secret: given.secret ?? pair.privateKey.toString('base64') };
}

/** The public half of a private key in base64 DER, if it is one. */
function publicKeyOf(secret: string): string | undefined {
  try {
    const key = createPrivateKey({ key: Buffer.from(secret, 'base64'), format: 'der', type: 'pkcs8' });
    return createPublicKey(key).export({ type: 'spki', format: 'der' }).toString('base64');
  } catch {
    return undefined;
  }
}

/** What the tables are keyed by: `aes` falls into its ciphers. */
export type KeyKind = Exclude<SignType, 'aes'> | SignAlgorithm;

/** Everything about a kind of key, in one place (how it signs: schemes.ts): nothing elsewhere lists sign types. */
const RULES: Record<KeyKind, KeyRules> = {
  hmac: {
    key: /^[A-Za-z0-9][A-Za-z0-9_-]{7,31}$/,
    secret: /^[A-Za-z0-9][A-Za-z0-9_\-!@#$%]{15,63}$/,
    generate: symmetric(
      () => hex(16),
      () => hex(32),
    ),
  },
  basic: {
    key: /^[A-Za-z][A-Za-z0-9_-]{3,31}$/,
    secret: /^[A-Za-z0-9][A-Za-z0-9_\-!@#$%]{7,63}$/,
    generate: symmetric(
      () => `k${hex(16).slice(1)}`,
      () => hex(32),
    ),
  },
  public_key: {
    key: /^[A-Za-z0-9+/][A-Za-z0-9_\-+/=]{7,511}$/,
    secret: /^[A-Za-z0-9+/][A-Za-z0-9_\-!@#$%+/=]{15,2047}$/,
    generate: rsaPair,
  },
  'aes-128-cfb': {
    key: /^[A-Za-z0-9+/][A-Za-z0-9_\-!@#$%+/=]{15}$/,
    secret: AES_SECRET,
    generate: symmetric(
      () => base64(16),
      () => base64(16),
    ),
  },
  'aes-256-cfb': {
    key: /^[A-Za-z0-9+/][A-Za-z0-9_\-!@#$%+/=]{31}$/,
    secret: AES_SECRET,
    generate: symmetric(
      () => base64(32),
      () => base64(16),
    ),
  },
};

/** Acceptance configurations use 16 random `[a-z0-9]` as a basic key, a quarter of which start with a digit (apig §1.3). */
const LENIENT_BASIC: KeyRules = { ...RULES.basic, key: /^[A-Za-z0-9][A-Za-z0-9_-]{3,31}$/ };

/** A gateway feature without which keys of this type are refused; the others need none (apig §1.10). */
export const REQUIRED_FEATURE: Partial<Record<SignType, string>> = { public_key: 'public_key' };

/**
 * The rules of one kind of key.
 * @param algorithm must be given for `aes`, is ignored otherwise
 */
export function keyRules(type: SignType, algorithm: SignAlgorithm | null, options: { basicKeyLeadingDigit: boolean }): KeyRules {
  if (type === 'basic' && options.basicKeyLeadingDigit) return LENIENT_BASIC;
  const kind = kindOf(type, algorithm);
  if (kind === undefined) throw new TypeError('an aes key has an algorithm');
  return RULES[kind];
}

/** Undefined for an `aes` key without a known cipher. */
export function kindOf(type: SignType, algorithm: SignAlgorithm | null): KeyKind | undefined {
  const kind = type === 'aes' ? algorithm : type;
  return kind !== null && Object.hasOwn(RULES, kind) ? kind : undefined;
}
