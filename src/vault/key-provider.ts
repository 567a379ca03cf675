import { Fault } from '../common/api-error.js';

export const PROVIDERS = ['ring', 'vault', 'aws-kms'] as const;
export type ProviderName = (typeof PROVIDERS)[number];

/** A data key as it stands in the database: wrapped by the key-encryption key `rootId`. */
export interface WrappedKey {
  /** `NAME` of a ring's key, `vault:MOUNT/KEY:vN`, or `aws-kms:KEY-ID`. At most 255 characters. */
  rootId: string;
  /** A record of vault/sealed.ts as text, at most 1,024 characters. */
  wrapped: string;
}

/**
 * Where key-encryption keys are. It wraps data keys and gives them back, bound to a context: what was wrapped under one
 * context does not come back under another. The suite of key-provider.spec.ts holds for every one.
 */
export interface KeyProvider {
  readonly name: ProviderName;

  /**
   * Wraps a data key with the newest key-encryption key.
   * @throws Fault `unavailable` when the provider cannot be asked
   */
  wrap(dataKey: Uint8Array, context: readonly string[]): Promise<WrappedKey>;

  /**
   * @returns the data key, for the caller to wipe
   * @throws SealBroken when the context or a bit is another; RootKeyUnknown; Fault `unavailable`
   */
  unwrap(key: WrappedKey, context: readonly string[]): Promise<Buffer>;

  /** Whether {@link wrap} would use another key-encryption key, as far as this process has seen. */
  stale(key: WrappedKey): boolean;

  /** Whether `rootId` names a key of this provider, asking nobody. */
  holds(rootId: string): boolean;

  /** Wraps and unwraps. @throws as they do */
  health(): Promise<void>;
}

/** No provider of this process has the key-encryption key: an outage of this process, not a broken secret. */
export class RootKeyUnknown extends Fault {
  constructor(rootId: string, options?: ErrorOptions) {
    super('unavailable', {}, { cause: new Error(`this process does not hold the key-encryption key ${rootId}`, options) });
  }
}

/** The provider did not answer, or not with what was asked for. */
export class ProviderUnavailable extends Fault {
  /** @param what without a secret: it is logged */
  constructor(provider: ProviderName, what: string) {
    super('unavailable', {}, { cause: new Error(`the key provider ${provider} does not answer: ${what}`) });
  }
}

/** What the operator is told; a caller is told that the service is not available. */
export function operatorWords(error: unknown): Error {
  if ((error instanceof ProviderUnavailable || error instanceof RootKeyUnknown) && error.cause instanceof Error) return error.cause;
  return error instanceof Error ? error : new Error(String(error));
}

/** Round trip of bytes that mean nothing. */
export async function probe(provider: KeyProvider): Promise<void> {
  const key = await provider.wrap(PROBE, PROBE_CONTEXT);
  if (!(await provider.unwrap(key, PROBE_CONTEXT)).equals(PROBE)) throw new ProviderUnavailable(provider.name, 'it gave back other bytes');
}

/** Under another context the probe must not come back: a service that ignores contexts would let data keys change projects. */
export async function opensUnderAnyContext(provider: KeyProvider): Promise<boolean> {
  const key = await provider.wrap(PROBE, PROBE_CONTEXT);
  return provider.unwrap(key, ['signet/1', 'probe', 'elsewhere']).then(
    () => true,
    () => false,
  );
}

const PROBE = Buffer.from('signet asks whether you are there', 'utf8').subarray(0, 32);
const PROBE_CONTEXT = ['signet/1', 'probe'];
