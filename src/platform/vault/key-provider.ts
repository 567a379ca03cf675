import { ApiFault } from '../common/api-error.js';
import type { KeyProviderName } from '../config/variables.js';

/** A data key as stored: wrapped by a key-encryption key. */
export interface WrappedKey {
  /** Id of the key-encryption key: `NAME` of a key in the keyring, `vault:MOUNT/KEY:vN`, or `aws-kms:KEY-ID`. At most 255 characters. */
  kekId: string;
  /** The text of a record (sealed.ts). At most 1,024 characters. */
  wrapped: string;
}

/**
 * Wraps and unwraps data keys with key-encryption keys. A wrapped key is bound to a context and does not unwrap under another. Every
 * provider passes the suite of key-provider.spec.ts.
 */
export interface KeyProvider {
  readonly name: KeyProviderName;

  /**
   * Wraps a data key with the newest key-encryption key.
   * @throws ApiFault `unavailable` when the provider does not answer
   */
  wrap(dataKey: Uint8Array, context: readonly string[]): Promise<WrappedKey>;

  /**
   * @returns the data key; the caller must wipe it
   * @throws DecryptionFailed when the context differs or a bit was changed; UnknownKek; ApiFault `unavailable`
   */
  unwrap(key: WrappedKey, context: readonly string[]): Promise<Buffer>;

  /** Whether {@link wrap} would use another key-encryption key now, as far as this process knows. */
  stale(key: WrappedKey): boolean;

  /** Whether `kekId` has the format of this provider's key ids. Makes no request. */
  holds(kekId: string): boolean;

  /** Checks a round trip. @throws as {@link wrap} and {@link unwrap} */
  health(): Promise<void>;
}

/** No configured provider has this key-encryption key. This is a configuration error of the process, not a damaged secret. */
export class UnknownKek extends ApiFault {
  constructor(kekId: string, options?: ErrorOptions) {
    super('unavailable', {}, { cause: new Error(`this process does not have the key-encryption key ${kekId}`, options) });
  }
}

/** The provider did not answer, or its response cannot be used. */
export class ProviderUnavailable extends ApiFault {
  /** @param what text for the log, without secrets */
  constructor(provider: KeyProviderName, what: string) {
    super('unavailable', {}, { cause: new Error(`the key provider ${provider} does not answer: ${what}`) });
  }
}

/** Returns the message for the operator. Callers only see that the service is unavailable. */
export function operatorError(error: unknown): Error {
  if ((error instanceof ProviderUnavailable || error instanceof UnknownKek) && error.cause instanceof Error) return error.cause;
  return error instanceof Error ? error : new Error(String(error));
}

/** Wraps and unwraps a constant. */
export async function probe(provider: KeyProvider): Promise<void> {
  const key = await provider.wrap(PROBE, PROBE_CONTEXT);
  if (!(await provider.unwrap(key, PROBE_CONTEXT)).equals(PROBE)) throw new ProviderUnavailable(provider.name, 'it returned other bytes');
}

/** Whether the provider ignores contexts. Then a data key could be moved to another project. */
export async function opensUnderAnyContext(provider: KeyProvider): Promise<boolean> {
  const key = await provider.wrap(PROBE, PROBE_CONTEXT);
  return provider.unwrap(key, ['signet/1', 'probe', 'elsewhere']).then(
    () => true,
    () => false,
  );
}

const PROBE = Buffer.from('signet asks whether you are there', 'utf8').subarray(0, 32);
const PROBE_CONTEXT = ['signet/1', 'probe'];
