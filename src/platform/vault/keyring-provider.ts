import type { KeyObject } from 'node:crypto';
import type { Keyring } from './key-encryption-keys.js';
import { type KeyProvider, probe, UnknownKek, type WrappedKey } from './key-provider.js';
import { decode, encode, fromColumn, openBytes, sealBytes, toColumn } from './sealed.js';

/** Key provider with keys in this process: the primary key of the keyring wraps, and all keys unwrap. */
export class KeyringProvider implements KeyProvider {
  readonly name = 'ring';

  constructor(private readonly keyring: Keyring) {}

  async wrap(dataKey: Uint8Array, context: readonly string[]): Promise<WrappedKey> {
    const { primary } = this.keyring;
    return { kekId: primary, wrapped: toColumn(encode(sealBytes(this.key(primary), 0, context, dataKey))) };
  }

  async unwrap({ kekId, wrapped }: WrappedKey, context: readonly string[]): Promise<Buffer> {
    return openBytes(this.key(kekId), context, decode(fromColumn(wrapped)).record);
  }

  stale({ kekId }: WrappedKey): boolean {
    return kekId !== this.keyring.primary;
  }

  holds(kekId: string): boolean {
    return this.keyring.keys.has(kekId);
  }

  /** Ids of the keys, the primary one first. */
  get ids(): string[] {
    return [...this.keyring.keys.keys()];
  }

  health(): Promise<void> {
    return probe(this);
  }

  private key(kekId: string): KeyObject {
    const key = this.keyring.keys.get(kekId);
    if (!key) throw new UnknownKek(kekId);
    return key;
  }
}
