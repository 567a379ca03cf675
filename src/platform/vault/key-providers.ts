import type { Config } from '../config/config.js';
import { KEY_PROVIDERS, type KeyProviderName } from '../config/variables.js';
import { AwsKmsProvider } from './aws-kms-provider.js';
import { readUnwrapKeyring, readKeyring } from './key-encryption-keys.js';
import { type KeyProvider, opensUnderAnyContext, operatorError, UnknownKek, type WrappedKey } from './key-provider.js';
import { KeyringProvider } from './keyring-provider.js';

/** Opens each configured provider. @param sealed whether the database contains encrypted data */
const OPEN: Record<KeyProviderName, (config: Config, sealed: boolean) => KeyProvider | undefined | Promise<KeyProvider | undefined>> = {
  ring: (config, sealed) => {
    const ring = config.kek.provider === 'ring' ? readKeyring(config, sealed) : readUnwrapKeyring(config);
    return ring && new KeyringProvider(ring);
  },
  // Its HTTP client is loaded only if it is configured.
  vault: async ({ kek }) => kek.vault && new (await import('./vault-transit-provider.js')).VaultTransitProvider(kek.vault),
  'aws-kms': ({ kek }) => kek.awsKms && AwsKmsProvider.open(kek.awsKms),
};

/**
 * The configured providers. The primary one wraps, and each unwraps the keys that it has wrapped, so that keys can be moved to another
 * provider.
 */
export class KeyProviders {
  private constructor(
    /** The provider that wraps new data keys. */
    readonly primary: KeyProvider,
    readonly all: readonly KeyProvider[],
  ) {}

  /**
   * Opens the configured providers and checks the primary one.
   * @param sealed whether the database contains encrypted data
   * @throws Error with advice for the operator
   */
  static async open(config: Config, sealed = false): Promise<KeyProviders> {
    const { provider } = config.kek;
    const all: KeyProvider[] = [];
    for (const name of KEY_PROVIDERS) {
      const opened = await OPEN[name](config, sealed);
      if (opened) all.push(opened);
    }
    const primary = all.find(({ name }) => name === provider);
    if (!primary) throw new Error(`the key provider ${provider} is not configured`);
    try {
      await primary.health();
    } catch (error) {
      throw operatorError(error);
    }
    if (await opensUnderAnyContext(primary))
      throw new Error(
        `the key provider ${provider} does not bind data keys to their context: use a version and a key type that support associated data`,
      );
    return new KeyProviders(primary, all);
  }

  /** @throws what the provider that wrapped the key throws */
  async unwrap(key: WrappedKey, context: readonly string[]): Promise<Buffer> {
    const provider = this.of(key.kekId);
    if (!provider) throw new UnknownKek(key.kekId);
    return provider.unwrap(key, context);
  }

  /** Whether wrapping the data key again would use another key-encryption key. */
  stale(key: WrappedKey): boolean {
    return this.of(key.kekId) !== this.primary || this.primary.stale(key);
  }

  /** Returns the provider of a key-encryption key. */
  of(kekId: string): KeyProvider | undefined {
    return this.all.find((provider) => provider.holds(kekId));
  }
}
