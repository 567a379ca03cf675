import type { SignAlgorithm, SignType } from './algorithms.js';

/** A signature key as the control plane returns it (docs/contracts/apig.md §1.2). */
export interface KeyMaterial {
  /** Reported as `keyId` by verifications; default: the id in the Authorization header. */
  id?: string;
  signType: SignType;
  /** Required for `aes` and `http-message-signatures`, ignored otherwise. */
  signAlgorithm?: SignAlgorithm | null;
  signKey: string;
  /** Verifiers of `public_key` and of Ed25519 should leave it out. */
  signSecret?: string;
}

/** A parsed key. */
export interface LoadedKey {
  /** Its id in the Authorization header (`Access=`), or the `keyid` of a message signature. */
  accessId: string;
  /** @throws UnusableKeyError when the key can only verify */
  sign(stringToSign: string): string;
  /** Takes constant time and never throws. */
  verify(stringToSign: string, signature: string): boolean;
}

/** The parsed Authorization header. */
export interface Credentials {
  accessId: string;
  /** Joined by `;`, as sent. */
  signedHeaders: string;
  signature: string;
  /** Scope of a derived key: `{YYYYMMDD}/{region}/{service}/sdk_request` (docs/contracts/apig.md §6.3). Absent without key derivation. */
  scope?: string;
}

/** Deviations of a scheme from the canonical request of docs/contracts/apig.md §6.2. */
export interface CanonicalForm {
  headerValue: (value: string) => string;
  /** @param query undecoded */
  query: (query: string) => string;
  /** The text that is hashed for a POST without a body, whose query line is then empty. */
  queryAsPayload: (query: string) => string;
}

/** The signature scheme of one kind of key (algorithms.ts). */
export interface Scheme {
  /** First word of the Authorization header and, if there is one, first line of the string to sign. */
  name: string;
  /** Whether there is a string to sign; Basic sends the secret instead. */
  coversRequest: boolean;
  /** Whether signatures are HTTP message signatures (RFC 9421); {@link name} is then the `alg` parameter, and Authorization is not used. */
  messageSignatures?: true;
  canonicalForm?: CanonicalForm;
  /** @throws UnusableKeyError */
  load(key: Pick<KeyMaterial, 'signKey' | 'signSecret'>): LoadedKey;
  /** @param credentials what follows the scheme's name @returns undefined for another format */
  parse(credentials: string): Credentials | undefined;
  format(credentials: Credentials): string;
}

/** SignedHeaders is ASCII, because names are compared without regard to case, and implementations differ beyond ASCII. */
const SIGNED_FORM = /^Access=([^,\s]+), *SignedHeaders=([!-+\--~]+), *Signature=((?:[0-9A-Fa-f]{2})+)$/;

/** The members shared by all schemes with a string to sign (docs/contracts/apig.md §6.2). */
export const signedForm = (name: string): Pick<Scheme, 'name' | 'coversRequest' | 'parse' | 'format'> => ({
  name,
  coversRequest: true,
  parse(credentials) {
    const [, accessId, signedHeaders, signature] = SIGNED_FORM.exec(credentials) ?? [];
    return accessId === undefined || signedHeaders === undefined || signature === undefined
      ? undefined
      : { accessId, signedHeaders, signature };
  },
  format: ({ accessId, signedHeaders, signature }) => `${name} Access=${accessId}, SignedHeaders=${signedHeaders}, Signature=${signature}`,
});
