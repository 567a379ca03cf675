import { parseAuthorization, type SchemeFinder } from './parsed-authorization.js';
import type { ParsedAuthorization, ReceivedBody, ReceivedRequest, RequestHead } from './received.js';
import { sha256 } from './body.js';
import { systemNow } from './clock.js';
import { type Refusal, refuse } from './errors.js';
import type { ReplayStore } from './replay.js';
import type { KeyMaterial } from './scheme.js';
import { loadKey, type ReadyKey } from './schemes.js';

export interface Verified {
  ok: true;
  /** `id` of the key's material, or the id that the Authorization header names. */
  keyId: string;
  /** False for UNSIGNED-PAYLOAD and for `basic`, where the body may have been changed between gateway and backend. */
  bodySigned: boolean;
  /** Lower case, in the order of the Authorization header; the covered components of a message signature. */
  signedHeaders: string[];
}
export type Verification = Verified | Refusal;

/** Rules for checks without a key. */
export interface ClaimRules {
  /** Milliseconds since the epoch; the system's clock by default (clock.ts). */
  now?: () => number;
  /** Largest accepted distance between X-Sdk-Date, or `created`, and now, in either direction. Default 900. */
  skewSeconds?: number;
  /** Accept UNSIGNED-PAYLOAD, and a message signature that does not cover `content-digest`. Default false. */
  allowUnsignedPayload?: boolean;
  /** Header with the gateway's signature (`backend_sign_header`). Default `authorization`. */
  signatureHeader?: string;
}

/** Keys with an id, for a scheme: several while a key rotates, none if unknown. */
export type KeyLookup<Found = readonly KeyMaterial[] | KeyMaterial | undefined> = (accessId: string, scheme: string) => Found;

export interface VerifyOptions extends ClaimRules {
  keys: Iterable<KeyMaterial> | KeyLookup;
  /** Stores signatures, so that a request is accepted once. Default: none, a request may be replayed within the window. */
  replayStore?: ReplayStore;
}

/**
 * Verifies one request. Synchronous, without I/O; no request makes it throw. For asynchronous keys or replay stores use createVerifier.
 */
export function verifySignature(request: ReceivedRequest, options: VerifyOptions): Verification {
  const authorization = validate(request, options, clockOf(options));
  if (!authorization.ok) return authorization;
  const { keys } = options;
  const found = usable(typeof keys === 'function' ? keys(authorization.accessId, authorization.scheme.name) : [...keys]);
  const result = verify(authorization, request, found);
  if (!result.ok) return result;
  const now = clockOf(options);
  const late = outOfTime(authorization, options, now);
  if (late !== undefined) return late;
  const entry = replayEntry(authorization, result, options);
  const { replayStore } = options;
  const fresh = entry === undefined || replayStore === undefined || replayStore.remember(entry.id, entry.expiresAt, now) === true;
  return fresh ? result.verified : REPLAYED;
}

export const REPLAYED = refuse('replayed', 'this very request was accepted before');

/** Checks everything that needs neither a key nor the body. */
export function validate(request: RequestHead, rules: ClaimRules, now: number, schemeOf?: SchemeFinder): ParsedAuthorization | Refusal {
  const authorization = parseAuthorization(request, rules.signatureHeader ?? 'authorization', schemeOf);
  if (!authorization.ok || !authorization.scheme.coversRequest) return authorization;
  const late = outOfTime(authorization, rules, now);
  if (late !== undefined) return late;
  if (!authorization.bodySigned && rules.allowUnsignedPayload !== true)
    return refuse('body_unsigned', 'the signature does not cover the body');
  return authorization;
}
const DEFAULT_SKEW_SECONDS = 900;

export const clockOf = (rules: ClaimRules): number => (rules.now ?? systemNow)();

/**
 * Refuses a date too far from `now`, and a signature after its end. Checked twice: before the body, and when the body has arrived, since a client can hold it back until the
 * replay store has forgotten the request.
 */
export function outOfTime({ scheme, signedAt, expiresAt }: ParsedAuthorization, rules: ClaimRules, now: number): Refusal | undefined {
  if (!scheme.coversRequest) return undefined;
  const skew = Math.abs(now - signedAt) / 1000;
  // Not `>`, so that a NaN clock refuses.
  if (!(skew <= (rules.skewSeconds ?? DEFAULT_SKEW_SECONDS))) {
    const date = scheme.messageSignatures ? 'created' : 'X-Sdk-Date';
    return refuse('skew', `${date} is ${Math.round(skew)} s away from the clock here`);
  }
  return expiresAt === undefined || now <= expiresAt ? undefined : refuse('skew', 'the signature has ended: expires is over');
}

/** Keys of another scheme are not candidates, because the header must not choose how a secret is used. */
export const candidates = ({ scheme, accessId }: ParsedAuthorization, keys: readonly ReadyKey[]): ReadyKey[] =>
  keys.filter((key) => key.scheme === scheme && key.accessId === accessId);

export const UNKNOWN_KEY = refuse('unknown_key', 'no key goes by this id here');

const MISMATCH = refuse('signature_mismatch', 'signed with another secret, or changed on the way: compare with explain()');

/** A valid signature and what it covers. */
export interface VerifiedSignature {
  ok: true;
  verified: Verified;
  stringToSign: string;
}

export function verify(authorization: ParsedAuthorization, received: ReceivedBody, keys: readonly ReadyKey[]): VerifiedSignature | Refusal {
  const possible = candidates(authorization, keys);
  if (possible.length === 0) return UNKNOWN_KEY;
  const signed = authorization.signedContent(received);
  if (!signed.ok) return signed;
  const signer = possible.find((key) => key.verify(signed.stringToSign, authorization.signature));
  if (signer === undefined) return MISMATCH;
  if (!signed.bodyMatches()) {
    const announced = authorization.scheme.messageSignatures ? 'Content-Digest' : 'X-Sdk-Content-Sha256';
    return refuse('body_hash_mismatch', `the body is not the one that ${announced} announces`);
  }
  const signedHeaders = authorization.signedHeaders === '' ? [] : authorization.signedHeaders.toLowerCase().split(';');
  return {
    ok: true,
    verified: { ok: true, keyId: signer.keyId, bodySigned: authorization.bodySigned, signedHeaders },
    stringToSign: signed.stringToSign,
  };
}

/** Verifies again, with the current keys and without the body, that one of the keys gives this signature. */
export function recheck(authorization: ParsedAuthorization, result: VerifiedSignature, keys: readonly ReadyKey[]): Verification {
  const possible = candidates(authorization, keys);
  if (possible.length === 0) return UNKNOWN_KEY;
  return possible.some((key) => key.verify(result.stringToSign, authorization.signature)) ? result.verified : MISMATCH;
}

/**
 * The entry for the replay store. It is the string to sign, because the hexadecimal case of a signature varies. Undefined for a scheme
 * without a string to sign, whose requests all look alike.
 */
export function replayEntry(
  { scheme, signedAt }: ParsedAuthorization,
  { verified, stringToSign }: VerifiedSignature,
  rules: ClaimRules,
): { id: string; expiresAt: number } | undefined {
  if (!scheme.coversRequest) return undefined;
  // A signature base may be long.
  const signed = scheme.messageSignatures ? `${scheme.name} ${sha256(stringToSign)}` : stringToSign;
  return { id: `${verified.keyId} ${signed}`, expiresAt: signedAt + (rules.skewSeconds ?? DEFAULT_SKEW_SECONDS) * 1000 };
}

/** The keys that can be loaded. An invalid key cannot have signed. */
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
