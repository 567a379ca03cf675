import { createPrivateKey, createPublicKey, generateKeyPair, generateKeyPairSync, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { aes } from './aes.js';
import { BASIC } from './basic.js';
import { HMAC } from './hmac.js';
import { messageEd25519, messageHmac } from './message-signature-key.js';
import { PUBLIC_KEY } from './public-key.js';
import type { Scheme } from './scheme.js';

/** Algorithms of key types; most types have none. */
export const SIGN_ALGORITHMS = ['aes-128-cfb', 'aes-256-cfb', 'ed25519', 'hmac-sha256'] as const;
export type SignAlgorithm = (typeof SIGN_ALGORITHMS)[number];

/** Properties of a key type for code that stores, shows or copies keys. */
export interface SignTypeTraits {
  /** Gateway feature required for keys of the type; undefined: none (docs/contracts/apig.md §1.10). */
  requiredFeature?: string;
  /** What `sign_algorithm` may be; empty: keys have none. */
  algorithms: readonly SignAlgorithm[];
  /** Whether docs/contracts/apig.md has the type. Keys of other types exist on `/signet/v1` only; `/v2` shows none of them. */
  inContract: boolean;
  /** Whether `sign_key` is a secret too, encrypted and masked like `sign_secret`. */
  keyIsSecret: boolean;
  /** Whether `sign_key` is a name chosen by its owner, which a new secret does not change. */
  keyOutlivesSecret: boolean;
  /** Whether HAProxy's built-in converters can create the signature. */
  haproxySigns: boolean;
}

const NAMED_SECRET = { algorithms: [], inContract: true, keyIsSecret: false, keyOutlivesSecret: true } as const;

/** Properties of each key type (docs/contracts/apig.md §1.2, and one of our own); an architecture test finds code that distinguishes types otherwise. */
const TRAITS = {
  hmac: { ...NAMED_SECRET, haproxySigns: true },
  basic: { ...NAMED_SECRET, haproxySigns: false },
  public_key: {
    requiredFeature: 'public_key',
    algorithms: [],
    inContract: true,
    keyIsSecret: false,
    keyOutlivesSecret: false,
    haproxySigns: false,
  },
  aes: {
    algorithms: ['aes-128-cfb', 'aes-256-cfb'],
    inContract: true,
    keyIsSecret: true,
    keyOutlivesSecret: false,
    haproxySigns: false,
  },
  // RFC 9421. A new secret has a new key id, as keys in a JWK set do.
  'http-message-signatures': {
    algorithms: ['ed25519', 'hmac-sha256'],
    inContract: false,
    keyIsSecret: false,
    keyOutlivesSecret: false,
    haproxySigns: false,
  },
} satisfies Record<string, SignTypeTraits>;

export type SignType = keyof typeof TRAITS;
export const SIGN_TYPES = Object.keys(TRAITS) as SignType[];
/** Type of a key without one. */
export const DEFAULT_SIGN_TYPE: SignType = 'hmac';
export const traitsOf = (type: SignType): SignTypeTraits => TRAITS[type];

/** The types and algorithms of docs/contracts/apig.md. */
export const CONTRACT_SIGN_TYPES = SIGN_TYPES.filter((type) => traitsOf(type).inContract);
export const CONTRACT_SIGN_ALGORITHMS = CONTRACT_SIGN_TYPES.flatMap((type) => traitsOf(type).algorithms);
/** The types that only `/signet/v1` has. */
export const OWN_SIGN_TYPES = SIGN_TYPES.filter((type) => !traitsOf(type).inContract);

/** Format, generation and signature scheme of one kind of key. */
export interface KeyRules {
  /** `sign_key` (docs/contracts/apig.md §1.3). */
  key: RegExp;
  /** `sign_secret` (docs/contracts/apig.md §1.3). */
  secret: RegExp;
  /** Generates the missing halves. */
  generate(given: { key?: string; secret?: string }): Promise<{ key: string; secret: string }>;
  scheme: Scheme;
  /** See {@link verifiesWithoutSecret}. */
  verifiesWithoutSecret?: true;
}

const hex = (bytes: number) => randomBytes(bytes).toString('hex');
/** Three bytes per four characters, without padding: 16 characters hold 96 bits, 32 hold 192. */
const base64 = (chars: 16 | 32) => randomBytes((chars / 4) * 3).toString('base64');

const symmetric =
  (key: () => string, secret: () => string): KeyRules['generate'] =>
  async (given) => ({ key: given.key ?? key(), secret: given.secret ?? secret() });

const AES_SECRET = /^[A-Za-z0-9+/][A-Za-z0-9_\-!@#$%+/=]{15}$/;
const generateRsa = promisify(generateKeyPair);

/** Base64 DER: the contract's alphabet does not allow PEM. */
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

/** The public half of a private key in base64 DER; undefined for other text. */
function publicKeyOf(secret: string): string | undefined {
  try {
    const key = createPrivateKey({ key: Buffer.from(secret, 'base64'), format: 'der', type: 'pkcs8' });
    return createPublicKey(key).export({ type: 'spki', format: 'der' }).toString('base64');
  } catch {
    return undefined;
  }
}

/** A new pair, or the public half of a given private one; a given public half without its private one cannot be completed. */
async function ed25519Pair(given: { key?: string; secret?: string }): Promise<{ key: string; secret: string }> {
  if (given.secret !== undefined) return { key: publicKeyOf(given.secret) ?? '', secret: given.secret };
  const pair = generateKeyPairSync('ed25519', {
    publicKeyEncoding: { type: 'spki', format: 'der' },
    privateKeyEncoding: { type: 'pkcs8', format: 'der' },
  });
  return { key: pair.publicKey.toString('base64'), secret: pair.privateKey.toString('base64') };
}

/** Canonical: padded, unused bits zero. Ten groups are 30 bytes, then come two more, or one to ten groups, or eleven, and a rest. */
const BASE64_32_TO_64_BYTES =
  /^(?:[A-Za-z0-9+/]{4}){10}(?:[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=|(?:[A-Za-z0-9+/]{4}){1,10}(?:[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=|[A-Za-z0-9+/][AQgw]==)?|(?:[A-Za-z0-9+/]{4}){11}(?:[A-Za-z0-9+/][AQgw]==)?)$/;

/** A key type or, for types with algorithms, an algorithm. */
type KeyKind = Exclude<SignType, 'aes' | 'http-message-signatures'> | SignAlgorithm;

const RULES: Record<KeyKind, KeyRules> = {
  hmac: {
    scheme: HMAC,
    key: /^[A-Za-z0-9][A-Za-z0-9_-]{7,31}$/,
    secret: /^[A-Za-z0-9][A-Za-z0-9_\-!@#$%]{15,63}$/,
    generate: symmetric(
      () => hex(16),
      () => hex(32),
    ),
  },
  basic: {
    scheme: BASIC,
    key: /^[A-Za-z][A-Za-z0-9_-]{3,31}$/,
    secret: /^[A-Za-z0-9][A-Za-z0-9_\-!@#$%]{7,63}$/,
    generate: symmetric(
      () => `k${hex(16).slice(1)}`,
      () => hex(32),
    ),
  },
  public_key: {
    scheme: PUBLIC_KEY,
    key: /^[A-Za-z0-9+/][A-Za-z0-9_\-+/=]{7,511}$/,
    secret: /^[A-Za-z0-9+/][A-Za-z0-9_\-!@#$%+/=]{15,2047}$/,
    generate: rsaPair,
  },
  ed25519: {
    scheme: messageEd25519('ed25519'),
    // Base64 of the DER of RFC 8410, of which only 32 bytes vary.
    key: /^MCowBQYDK2VwAyEA[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/,
    secret: /^MC4CAQAwBQYDK2VwBCIEI[A-P][A-Za-z0-9+/]{42}$/,
    verifiesWithoutSecret: true,
    generate: ed25519Pair,
  },
  'hmac-sha256': {
    scheme: messageHmac('hmac-sha256'),
    key: /^[A-Za-z0-9][A-Za-z0-9_-]{7,31}$/,
    secret: BASE64_32_TO_64_BYTES,
    generate: symmetric(
      () => hex(16),
      () => randomBytes(32).toString('base64'),
    ),
  },
  'aes-128-cfb': {
    scheme: aes('aes-128-cfb', 16),
    key: /^[A-Za-z0-9+/][A-Za-z0-9_\-!@#$%+/=]{15}$/,
    secret: AES_SECRET,
    generate: symmetric(
      () => base64(16),
      () => base64(16),
    ),
  },
  'aes-256-cfb': {
    scheme: aes('aes-256-cfb', 32),
    key: /^[A-Za-z0-9+/][A-Za-z0-9_\-!@#$%+/=]{31}$/,
    secret: AES_SECRET,
    generate: symmetric(
      () => base64(32),
      () => base64(16),
    ),
  },
};

/** Acceptance tests use 16 random `[a-z0-9]` as a basic key, a quarter of which start with a digit (docs/contracts/apig.md §1.3). */
const LENIENT_BASIC: KeyRules = { ...RULES.basic, key: /^[A-Za-z0-9][A-Za-z0-9_-]{3,31}$/ };

/**
 * The rules of one kind of key.
 * @param algorithm required for a type with algorithms, ignored otherwise
 */
export function keyRules(type: SignType, algorithm: SignAlgorithm | null, options: { basicKeyLeadingDigit: boolean }): KeyRules {
  if (type === 'basic' && options.basicKeyLeadingDigit) return LENIENT_BASIC;
  const rules = rulesOf(type, algorithm);
  if (rules === undefined) throw new TypeError('a key of this type has one of its algorithms');
  return rules;
}

/** Undefined for an unknown type, or a missing algorithm or one of another type. */
function rulesOf(type: SignType, algorithm: SignAlgorithm | null): KeyRules | undefined {
  if (!Object.hasOwn(TRAITS, type)) return undefined;
  const { algorithms } = traitsOf(type);
  if (algorithms.length === 0) return RULES[type as KeyKind];
  return algorithm !== null && algorithms.includes(algorithm) ? RULES[algorithm] : undefined;
}

/** The scheme of a kind of key; undefined for an unknown kind. */
export const schemeOf = (type: SignType, algorithm: SignAlgorithm | null): Scheme | undefined => rulesOf(type, algorithm)?.scheme;

/** Whether keys of a kind verify without their secret, which verifiers then are not given. */
export const verifiesWithoutSecret = (type: SignType, algorithm: SignAlgorithm | null): boolean =>
  rulesOf(type, algorithm)?.verifiesWithoutSecret === true;

/** The schemes of signature keys. */
export const SIGN_SCHEMES: readonly Scheme[] = Object.values(RULES).map(({ scheme }) => scheme);
