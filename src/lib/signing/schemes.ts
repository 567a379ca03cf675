import { aes } from './aes.js';
import { type KeyKind, kindOf } from './algorithms.js';
import { BASIC } from './basic.js';
import { UnusableKeyError } from './errors.js';
import { HMAC } from './hmac.js';
import { PUBLIC_KEY } from './public-key.js';
import type { KeyMaterial, LoadedKey, Scheme } from './scheme.js';

/** How each kind of key signs: the other half of the table in algorithms.ts, keyed the same way. */
const SCHEMES: Record<KeyKind, Scheme> = {
  hmac: HMAC,
  basic: BASIC,
  public_key: PUBLIC_KEY,
  'aes-128-cfb': aes('aes-128-cfb'),
  'aes-256-cfb': aes('aes-256-cfb'),
};

const BY_NAME = new Map(Object.values(SCHEMES).map((scheme) => [scheme.name.toLowerCase(), scheme]));

/** @param name first word of an Authorization header, in any case (RFC 9110 §11.1) */
export const schemeNamed = (name: string): Scheme | undefined => BY_NAME.get(name.toLowerCase());

/** A key in use: parsed once, then remembered for as long as the caller holds its material. */
export interface ReadyKey extends LoadedKey {
  scheme: Scheme;
  /** What verifications report. */
  keyId: string;
}

const loaded = new WeakMap<KeyMaterial, { ready: ReadyKey; of: KeyMaterial }>();

/** @throws UnusableKeyError */
export function loadKey(material: KeyMaterial): ReadyKey {
  const known = loaded.get(material);
  if (known !== undefined && unchanged(known.of, material)) return known.ready;
  const kind = kindOf(material.signType, material.signAlgorithm ?? null);
  const scheme = kind === undefined ? undefined : SCHEMES[kind];
  if (scheme === undefined || typeof material.signKey !== 'string')
    throw new UnusableKeyError('a key has a sign_type, its algorithm and a sign_key');
  const key = scheme.load(material);
  const ready = { ...key, scheme, keyId: material.id ?? key.accessId };
  loaded.set(material, { ready, of: { ...material } });
  return ready;
}

/** A caller may change the object it gave; the old secret must not go on living here. */
const unchanged = (then: KeyMaterial, now: KeyMaterial) =>
  then.signSecret === now.signSecret &&
  then.signKey === now.signKey &&
  then.signType === now.signType &&
  then.signAlgorithm === now.signAlgorithm &&
  then.id === now.id;
