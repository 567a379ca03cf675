import type { KeyObject } from 'node:crypto';
import { contextOf, decode, encode, openBytes, SealBroken, type Sealed, sealBytes, type SecretPlace } from './sealed.js';

/** Sealed with a data key that this process has not read, or that there is not. */
export class DataKeyMissing extends SealBroken {
  constructor(dataKeyId: number) {
    super(`the project has no data key ${dataKeyId}`);
  }
}

/** A project's data keys, unwrapped: seals with the newest, opens with any. Synchronous, so that it works inside a transaction. */
export class Box {
  #seals = 0;

  constructor(
    private readonly keys: ReadonlyMap<number, KeyObject>,
    /** Id of the data key that seals. */
    readonly newest: number,
  ) {}

  seal(place: SecretPlace, secret: string): Sealed {
    const key = this.keys.get(this.newest);
    if (!key) throw new Error('a box without keys');
    this.#seals++;
    return encode(sealBytes(key, this.newest, contextOf(place), Buffer.from(secret, 'utf8')));
  }

  /** @throws SealBroken when the value does not belong to this place or was altered */
  open(place: SecretPlace, sealed: Sealed): string {
    const { record, dataKeyId } = decode(sealed);
    const key = this.keys.get(dataKeyId);
    if (!key) throw new DataKeyMissing(dataKeyId);
    return openBytes(key, contextOf(place), record).toString('utf8');
  }

  /** Whether a value is sealed with another data key than {@link seal} uses. */
  stale(sealed: Sealed): boolean {
    return decode(sealed).dataKeyId !== this.newest;
  }

  /** How often the newest key has sealed since this was last asked. */
  takeSeals(): number {
    const seals = this.#seals;
    this.#seals = 0;
    return seals;
  }
}

/** Seals and does not open. */
export type Sealer = Pick<Box, 'seal'>;
