import type { SignAlgorithm, SignType } from './algorithms.js';

/** A signature key as the control plane hands it out (apig §1.2). */
export interface KeyMaterial {
  /** What a verification reports as `keyId`; without it, the id that the Authorization header names. */
  id?: string;
  signType: SignType;
  /** Required for `aes`, ignored otherwise. */
  signAlgorithm?: SignAlgorithm | null;
  signKey: string;
  /** A verifier of `public_key` does without it, and should. */
  signSecret?: string;
}

/** A key that is ready for use. */
export interface LoadedKey {
  /** How the Authorization header names it (`Access=`). */
  accessId: string;
  /** @throws UnusableKeyError when the key can only verify */
  sign(stringToSign: string): string;
  /** Constant time. Never throws. */
  verify(stringToSign: string, signature: string): boolean;
}

/** What an Authorization header claims. */
export interface Credentials {
  accessId: string;
  /** Joined by `;`, as sent. */
  signedHeaders: string;
  signature: string;
  /** What a derived key is for: `{YYYYMMDD}/{region}/{service}/sdk_request` (apig §6.3). Absent where the secret is used directly. */
  scope?: string;
}

/** Where a scheme departs from the canonical request of apig §6.2. */
export interface CanonicalForm {
  headerValue: (value: string) => string;
  /** @param query undecoded */
  query: (query: string) => string;
  /** What is hashed in place of the body of a POST that has none; its query line is empty then. */
  queryAsPayload: (query: string) => string;
}

/** How keys of one kind sign. One entry of the table in schemes.ts. */
export interface Scheme {
  /** First word of the Authorization header and, where there is one, first line of the string to sign. */
  name: string;
  /** Whether there is a string to sign at all; Basic sends the secret instead. */
  coversRequest: boolean;
  canonicalForm?: CanonicalForm;
  /** @throws UnusableKeyError */
  load(key: KeyMaterial): LoadedKey;
  /** @param credentials what follows the scheme's name; undefined when it has another form */
  parse(credentials: string): Credentials | undefined;
  format(credentials: Credentials): string;
}

const SIGNED_FORM = /^Access=([^,\s]+), *SignedHeaders=([^,\s]+), *Signature=((?:[0-9A-Fa-f]{2})+)$/;

/** The part that all schemes with a string to sign have in common (apig §6.2). */
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
