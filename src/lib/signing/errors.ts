/** Why a request was refused. Closed: a caller may switch over it. */
export type RefusalCode =
  | 'no_authorization'
  | 'malformed'
  | 'unknown_key'
  | 'skew'
  | 'missing_signed_header'
  | 'body_hash_mismatch'
  | 'signature_mismatch'
  | 'body_unsigned'
  | 'replayed';

/** A request that is not to be trusted. The hint is for whoever configures the sender; it never holds a secret. */
export interface Refusal<Code extends string = RefusalCode> {
  ok: false;
  code: Code;
  hint: string;
}

export const refuse = <Code extends string>(code: Code, hint: string): Refusal<Code> => ({ ok: false, code, hint });

/** A key that cannot do what its type says: a wrong length, no RSA key, halves that do not belong together. Never quotes the key. */
export class UnusableKeyError extends Error {
  readonly code = 'unusable_key';
  override readonly name = 'UnusableKeyError';
}
