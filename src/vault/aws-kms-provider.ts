import type * as Kms from '@aws-sdk/client-kms';
import type { Config } from '../config/config.js';
import { type KeyProvider, probe, ProviderUnavailable, RootKeyUnknown, type WrappedKey } from './key-provider.js';
import { decodeForeign, encodeForeign, SealBroken } from './sealed.js';

const TIMEOUT_MS = 3000;
const PREFIX = 'aws-kms:';
const KEY_ID = /(?:^|:key\/)([A-Za-z0-9-]{1,128})$/;

type Sdk = typeof Kms;

/**
 * AWS KMS: `Encrypt` and `Decrypt` with the context as encryption context
 * (https://docs.aws.amazon.com/kms/latest/APIReference/API_Encrypt.html). Credentials come from the SDK's default chain.
 */
export class AwsKmsProvider implements KeyProvider {
  readonly name = 'aws-kms';
  /** The key that the last encryption used: an alias may come to name another. */
  #newest: string | undefined;

  private constructor(
    private readonly sdk: Sdk,
    private readonly client: Kms.KMSClient,
    private readonly keyId: string,
  ) {}

  /** @throws Error in the operator's words when the SDK, an optional dependency, is not installed */
  static async open({ keyId, region, endpoint }: NonNullable<Config['kek']['awsKms']>): Promise<AwsKmsProvider> {
    const sdk = await import('@aws-sdk/client-kms').catch((cause: unknown) => {
      throw new Error('SIGNET_KEK_PROVIDER=aws-kms needs the package @aws-sdk/client-kms', { cause });
    });
    const client = new sdk.KMSClient({
      ...(region && { region }),
      ...(endpoint && { endpoint }),
      maxAttempts: 2,
      requestHandler: { connectionTimeout: TIMEOUT_MS, requestTimeout: TIMEOUT_MS, throwOnRequestTimeout: true },
    });
    return new AwsKmsProvider(sdk, client, keyId);
  }

  async wrap(dataKey: Uint8Array, context: readonly string[]): Promise<WrappedKey> {
    const command = new this.sdk.EncryptCommand({ KeyId: this.keyId, Plaintext: dataKey, EncryptionContext: encryptionContext(context) });
    const { CiphertextBlob, KeyId } = await this.ask<Kms.EncryptCommandOutput>(() => this.client.send(command, { abortSignal: timeout() }));
    const [, id] = KEY_ID.exec(KeyId ?? '') ?? [];
    if (!CiphertextBlob || !id) throw new ProviderUnavailable('aws-kms', 'its answer has no ciphertext or no key id');
    this.#newest = PREFIX + id;
    return { rootId: this.#newest, wrapped: encodeForeign('aws-kms', CiphertextBlob) };
  }

  async unwrap({ rootId, wrapped }: WrappedKey, context: readonly string[]): Promise<Buffer> {
    if (!this.holds(rootId)) throw new RootKeyUnknown(rootId);
    const id = rootId.slice(PREFIX.length);
    // Named, so that no other key of the account can stand in for it.
    const KeyId = this.keyId.startsWith('arn:') ? this.keyId.replace(/:(?:key|alias)\/.*$/, `:key/${id}`) : id;
    const command = new this.sdk.DecryptCommand({
      KeyId,
      CiphertextBlob: decodeForeign('aws-kms', wrapped),
      EncryptionContext: encryptionContext(context),
    });
    const { Plaintext } = await this.ask<Kms.DecryptCommandOutput>(() => this.client.send(command, { abortSignal: timeout() }), rootId);
    if (!Plaintext) throw new ProviderUnavailable('aws-kms', 'its answer has no plaintext');
    return Buffer.from(Plaintext.buffer, Plaintext.byteOffset, Plaintext.byteLength);
  }

  stale({ rootId }: WrappedKey): boolean {
    return rootId !== this.#newest;
  }

  holds(rootId: string): boolean {
    return rootId.startsWith(PREFIX);
  }

  health(): Promise<void> {
    return probe(this);
  }

  private async ask<T>(send: () => Promise<T>, rootId?: string): Promise<T> {
    try {
      return await send();
    } catch (error) {
      // By its name only: the SDK's errors carry the request and the answer.
      const { name } = error as Error;
      if (name === 'InvalidCiphertextException' || name === 'IncorrectKeyException')
        throw new SealBroken('the key provider aws-kms refuses it');
      if (rootId && name === 'NotFoundException') throw new RootKeyUnknown(rootId);
      throw new ProviderUnavailable('aws-kms', name);
    }
  }
}

const timeout = () => AbortSignal.timeout(2 * TIMEOUT_MS);

/** It stands in clear in CloudTrail: ids, no secret. */
const encryptionContext = (context: readonly string[]): Record<string, string> => ({ 'signet:context': JSON.stringify(context) });
