import type { KeyObject } from 'node:crypto';
import type { Ring } from './key-encryption-keys.js';
import { type KeyProvider, probe, RootKeyUnknown, type WrappedKey } from './key-provider.js';
import { decode, encode, fromColumn, openBytes, sealBytes, toColumn } from './sealed.js';

/** Key-encryption keys in this process: the first of the ring wraps, all unwrap. */
export class RingProvider implements KeyProvider {
  readonly name = 'ring';

  constructor(private readonly ring: Ring) {}

  async wrap(dataKey: Uint8Array, context: readonly string[]): Promise<WrappedKey> {
    const { primary } = this.ring;
    return { rootId: primary, wrapped: toColumn(encode(sealBytes(this.key(primary), 0, context, dataKey))) };
  }

  async unwrap({ rootId, wrapped }: WrappedKey, context: readonly string[]): Promise<Buffer> {
    return openBytes(this.key(rootId), context, decode(fromColumn(wrapped)).record);
  }

  stale({ rootId }: WrappedKey): boolean {
    return rootId !== this.ring.primary;
  }

  holds(rootId: string): boolean {
    return this.ring.keys.has(rootId);
  }

  /** Ids of its keys, the primary first. */
  get ids(): string[] {
    return [...this.ring.keys.keys()];
  }

  health(): Promise<void> {
    return probe(this);
  }

  private key(rootId: string): KeyObject {
    const key = this.ring.keys.get(rootId);
    if (!key) throw new RootKeyUnknown(rootId);
    return key;
  }
}
