import type { KeyObject } from 'node:crypto';
import { aad, decode, encode, openBytes, DecryptionFailed, type Sealed, sealBytes, type EncryptionContext } from './sealed.js';

/** The value is encrypted with a data key that does not exist or that this process has not loaded. */
export class DataKeyMissing extends DecryptionFailed {
  constructor(dataKeyId: number, place: EncryptionContext) {
    super(`the project has no data key ${dataKeyId}`, place);
  }
}

/**
 * A project's unwrapped data keys. The newest key encrypts; all keys decrypt. All methods are synchronous, so they can be used inside a
 * transaction.
 */
export class ProjectCipher {
  #seals = 0;

  constructor(
    private readonly keys: ReadonlyMap<number, KeyObject>,
    /** Id of the data key that encrypts new values. */
    readonly newest: number,
  ) {}

  seal(context: EncryptionContext, secret: string): Sealed {
    const key = this.keys.get(this.newest);
    if (!key) throw new Error('a project cipher must have keys');
    this.#seals++;
    return encode(sealBytes(key, this.newest, aad(context), Buffer.from(secret, 'utf8')));
  }

  /** @throws DecryptionFailed, with the context, when the value was moved from another row or altered */
  open(context: EncryptionContext, sealed: Sealed): string {
    const { record, dataKeyId } = decode(sealed, context);
    const key = this.keys.get(dataKeyId);
    if (!key) throw new DataKeyMissing(dataKeyId, context);
    return openBytes(key, aad(context), record, context).toString('utf8');
  }

  /** Whether a value is encrypted with another data key than the newest one. */
  stale(sealed: Sealed): boolean {
    return decode(sealed).dataKeyId !== this.newest;
  }

  /** Returns the number of encryptions with the newest key since the last call. */
  takeSeals(): number {
    const seals = this.#seals;
    this.#seals = 0;
    return seals;
  }
}

/** Can encrypt but not decrypt. */
export type ProjectEncryptor = Pick<ProjectCipher, 'seal'>;
