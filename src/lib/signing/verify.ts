import { type Claim, type ReceivedRequest, readClaim, type SchemeFinder } from './claim.js';
import { systemNow } from './clock.js';
import { type Refusal, refuse } from './errors.js';
import type { ReplayStore } from './replay.js';
import type { KeyMaterial } from './scheme.js';
import { loadKey, type ReadyKey } from './schemes.js';

export interface Verified {
  ok: true;
  /** `id` of the key's material, or the id that the Authorization header names. */
  keyId: string;
  /** False for UNSIGNED-PAYLOAD and for `basic`: whoever is between the gateway and here may have changed the body. */
  bodySigned: boolean;
  /** Lower case, in the order of the Authorization header. */
  signedHeaders: string[];
}
export type Verification = Verified | Refusal;

/** Checks that need no key. */
export interface ClaimRules {
  /** Milliseconds since the epoch; the system's clock by default (clock.ts). */
  now?: () => number;
  /** How far X-Sdk-Date may be from now, to either side. Default 900. */
  skewSeconds?: number;
  /** Accept a signature that announces UNSIGNED-PAYLOAD. Default false. */
  allowUnsignedPayload?: boolean;
  /** Where the gateway puts the signature (`backend_sign_header`). Default `authorization`. */
  signatureHeader?: string;
}

/** The keys that may go by one id, in a request of one scheme: several while a key rotates, none if unknown. */
export type KeyLookup<Found = readonly KeyMaterial[] | KeyMaterial | undefined> = (accessId: string, scheme: string) => Found;

export interface VerifyOptions extends ClaimRules {
  keys: Iterable<KeyMaterial> | KeyLookup;
  /** Remembers signatures, so that a request is accepted once. Default: none, a request may be replayed within the window. */
  replayStore?: ReplayStore;
}

/**
 * Verifies one request. Nothing in the request makes it throw, and it does no input or output of its own; for keys or a
 * replay store behind a network there is createVerifier.
 */
export function verifySignature(request: ReceivedRequest, options: VerifyOptions): Verification {
  const now = (options.now ?? systemNow)();
  const claim = admissible(request, options, now);
  if (!claim.ok) return claim;
  const { keys } = options;
  const verdict = judge(claim, usable(typeof keys === 'function' ? keys(claim.accessId, claim.scheme.name) : [...keys]));
  const mark = verdict.ok ? replayMark(claim, verdict, options) : undefined;
  return mark === undefined || options.replayStore?.remember(mark.id, mark.expiresAt, now) !== false ? verdict : REPLAYED;
}

export const REPLAYED = refuse('replayed', 'this very request was accepted before');

/** Everything that can be refused before a key is looked up. */
export function admissible(request: ReceivedRequest, rules: ClaimRules, now: number, schemeOf?: SchemeFinder): Claim | Refusal {
  const claim = readClaim(request, rules.signatureHeader ?? 'authorization', schemeOf);
  if (!claim.ok || !claim.scheme.coversRequest) return claim;
  const skew = Math.abs(now - claim.signedAt) / 1000;
  // Written so that a clock which is not a number refuses.
  if (!(skew <= (rules.skewSeconds ?? DEFAULT_SKEW_SECONDS)))
    return refuse('skew', `X-Sdk-Date is ${Math.round(skew)} s away from the clock here`);
  if (!claim.bodySigned && rules.allowUnsignedPayload !== true) return refuse('body_unsigned', 'the signature does not cover the body');
  return claim;
}
const DEFAULT_SKEW_SECONDS = 900;

/** Keys of another scheme are not candidates: the header does not choose how a secret is used. */
export function judge(claim: Claim, keys: readonly ReadyKey[]): Verification {
  const candidates = keys.filter(({ scheme, accessId }) => scheme === claim.scheme && accessId === claim.accessId);
  if (candidates.length === 0) return refuse('unknown_key', 'no key goes by this id here');
  const signer = candidates.find((key) => key.verify(claim.stringToSign, claim.signature));
  if (signer === undefined)
    return refuse('signature_mismatch', 'signed with another secret, or changed on the way: compare with explain()');
  if (!claim.bodyMatches()) return refuse('body_hash_mismatch', 'the body is not the one that X-Sdk-Content-Sha256 announces');
  const signedHeaders = claim.signedHeaders === '' ? [] : claim.signedHeaders.toLowerCase().split(';');
  return { ok: true, keyId: signer.keyId, bodySigned: claim.bodySigned, signedHeaders };
}

/**
 * What a replay store remembers. What was signed, not the signature, which could be written in two cases. A scheme that
 * signs nothing has no replays: all its requests look the same.
 */
export function replayMark(claim: Claim, { keyId }: Verified, rules: ClaimRules): { id: string; expiresAt: number } | undefined {
  if (!claim.scheme.coversRequest) return undefined;
  return { id: `${keyId} ${claim.stringToSign}`, expiresAt: claim.signedAt + (rules.skewSeconds ?? DEFAULT_SKEW_SECONDS) * 1000 };
}

/** A key that cannot be used cannot have signed. */
export function usable(keys: readonly KeyMaterial[] | KeyMaterial | undefined): ReadyKey[] {
  const list = keys === undefined ? [] : Array.isArray(keys) ? (keys as readonly KeyMaterial[]) : [keys as KeyMaterial];
  return list.flatMap((key) => {
    try {
      return [loadKey(key)];
    } catch {
      return [];
    }
  });
}
