import type { Config } from '../config/config.js';
import { AwsKmsProvider } from './aws-kms-provider.js';
import { readOlderRing, readRing } from './key-encryption-keys.js';
import { type KeyProvider, opensUnderAnyContext, operatorWords, RootKeyUnknown, type WrappedKey } from './key-provider.js';
import { RingProvider } from './ring-provider.js';
import { VaultTransitProvider } from './vault-transit-provider.js';

/** Every provider that is configured: one wraps, each unwraps what it wrapped, so that keys can move between them. */
export class KeyProviders {
  private constructor(
    /** Wraps. */
    readonly primary: KeyProvider,
    readonly all: readonly KeyProvider[],
  ) {}

  /**
   * Opens what `SIGNET_KEK_PROVIDER` and its variables name, and asks the one that wraps.
   * @throws Error in the operator's words
   */
  static async open(config: Config): Promise<KeyProviders> {
    const { provider, vault, awsKms } = config.kek;
    const ring = provider === 'ring' ? readRing(config) : readOlderRing(config);
    const all = [
      ...(ring ? [new RingProvider(ring)] : []),
      ...(vault ? [new VaultTransitProvider(vault)] : []),
      ...(awsKms ? [await AwsKmsProvider.open(awsKms)] : []),
    ];
    const primary = all.find(({ name }) => name === provider);
    if (!primary) throw new Error(`the key provider ${provider} is not configured`);
    try {
      await primary.health();
    } catch (error) {
      throw operatorWords(error);
    }
    if (await opensUnderAnyContext(primary))
      throw new Error(`the key provider ${provider} does not bind a data key to its context: it needs a version and a key type that do`);
    return new KeyProviders(primary, all);
  }

  /** @throws as the provider that wrapped it */
  async unwrap(key: WrappedKey, context: readonly string[]): Promise<Buffer> {
    const provider = this.of(key.rootId);
    if (!provider) throw new RootKeyUnknown(key.rootId);
    return provider.unwrap(key, context);
  }

  /** Whether another key would be used now. */
  stale(key: WrappedKey): boolean {
    return this.of(key.rootId) !== this.primary || this.primary.stale(key);
  }

  /** Whose key it is. */
  of(rootId: string): KeyProvider | undefined {
    return this.all.find((provider) => provider.holds(rootId));
  }
}
