import { schemeOf, SIGN_SCHEMES } from './algorithms.js';
import { UnusableKeyError } from './errors.js';
import type { KeyMaterial, LoadedKey, Scheme } from './scheme.js';

const BY_NAME = new Map(SIGN_SCHEMES.filter((scheme) => !scheme.messageSignatures).map((scheme) => [scheme.name.toLowerCase(), scheme]));
const BY_ALG = new Map(SIGN_SCHEMES.filter((scheme) => scheme.messageSignatures).map((scheme) => [scheme.name, scheme]));

const ASCII = /^[!-~]+$/;

/** @param name first word of an Authorization header, in any case (RFC 9110 §11.1) */
export const schemeNamed = (name: string): Scheme | undefined => (ASCII.test(name) ? BY_NAME.get(name.toLowerCase()) : undefined);

/** @param alg the `alg` parameter of a message signature */
export const messageSchemeNamed = (alg: string): Scheme | undefined => BY_ALG.get(alg);

/** A parsed key with its scheme. */
export interface ReadyKey extends LoadedKey {
  scheme: Scheme;
  /** Reported by verifications. */
  keyId: string;
}

const loaded = new WeakMap<KeyMaterial, { ready: ReadyKey; of: KeyMaterial }>();

/** Parses a key, cached for as long as the caller holds its material. @throws UnusableKeyError */
export function loadKey(material: KeyMaterial): ReadyKey {
  const known = loaded.get(material);
  if (known !== undefined && unchanged(known.of, material)) return known.ready;
  const scheme = schemeOf(material.signType, material.signAlgorithm ?? null);
  if (scheme === undefined || typeof material.signKey !== 'string')
    throw new UnusableKeyError('a key has a sign_type, its algorithm and a sign_key');
  const key = scheme.load(material);
  const ready = { ...key, scheme, keyId: material.id ?? key.accessId };
  loaded.set(material, { ready, of: { ...material } });
  return ready;
}

/** Callers may change their object; then the cached key is replaced. */
const unchanged = (then: KeyMaterial, now: KeyMaterial) =>
  then.signSecret === now.signSecret &&
  then.signKey === now.signKey &&
  then.signType === now.signType &&
  then.signAlgorithm === now.signAlgorithm &&
  then.id === now.id;
