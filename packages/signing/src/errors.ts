/** Why a request was refused. The set is closed, so that a `switch` can be exhaustive. */
export type RefusalCode =
  | 'no_authorization'
  | 'malformed'
  | 'unknown_key'
  | 'skew'
  | 'missing_signed_header'
  | 'body_hash_mismatch'
  | 'signature_mismatch'
  | 'body_unsigned'
  | 'replayed'
  | UncheckedCode;

/** Nothing could be checked: no key could be looked up, the replay store failed, or the body is longer than an adapter reads. */
type UncheckedCode = 'keys_unavailable' | 'store_unavailable' | 'too_large';

/** A refused request. The hint helps to configure the sender and never contains a secret. */
export interface Refusal<Code extends string = RefusalCode> {
  ok: false;
  code: Code;
  hint: string;
}

export const refuse = <Code extends string>(code: Code, hint: string): Refusal<Code> => ({ ok: false, code, hint });

/** Whether a look-up ended in a refusal. */
export const isRefusal = (found: object): found is Refusal => 'ok' in found && found.ok === false;

/** For a look-up that has no keys now. The message becomes the hint of `keys_unavailable`, so it holds no secret. */
export class KeysUnavailableError extends Error {
  readonly code = 'keys_unavailable';
  override readonly name = 'KeysUnavailableError';
}

/** An invalid key: wrong length, not an RSA key, halves that do not match. The message never contains the key. */
export class UnusableKeyError extends Error {
  readonly code = 'unusable_key';
  override readonly name = 'UnusableKeyError';
}
