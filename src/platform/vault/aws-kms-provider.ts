import type * as Kms from '@aws-sdk/client-kms';
import type { Config } from '../config/config.js';
import { type KeyProvider, probe, ProviderUnavailable, UnknownKek, type WrappedKey } from './key-provider.js';
import { decodeForeign, encodeForeign, DecryptionFailed } from './sealed.js';

const TIMEOUT_MS = 3000;
const PREFIX = 'aws-kms:';
const KEY_ID = /(?:^|:key\/)([A-Za-z0-9-]{1,128})$/;

type Sdk = typeof Kms;

/**
 * Key provider for AWS KMS. Calls `Encrypt` and `Decrypt`, with the context as encryption context
 * (https://docs.aws.amazon.com/kms/latest/APIReference/API_Encrypt.html). The credentials come from the SDK's default chain.
 */
export class AwsKmsProvider implements KeyProvider {
  readonly name = 'aws-kms';
  /** The key that the last encryption used. An alias may be moved to another key. */
  #newest: string | undefined;

  private constructor(
    private readonly sdk: Sdk,
    private readonly client: Kms.KMSClient,
    private readonly keyId: string,
  ) {}

  /** @throws Error with advice for the operator when the SDK is not installed; it is an optional dependency */
  static async open({ keyId, region, endpoint }: NonNullable<Config['kek']['awsKms']>): Promise<AwsKmsProvider> {
    const sdk = await import('@aws-sdk/client-kms').catch((cause: unknown) => {
      throw new Error('SIGNET_KEK_PROVIDER=aws-kms requires the package @aws-sdk/client-kms', { cause });
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
    if (!CiphertextBlob || !id) throw new ProviderUnavailable('aws-kms', 'its response has no ciphertext or no key id');
    this.#newest = PREFIX + id;
    return { kekId: this.#newest, wrapped: encodeForeign('aws-kms', CiphertextBlob) };
  }

  async unwrap({ kekId, wrapped }: WrappedKey, context: readonly string[]): Promise<Buffer> {
    if (!this.holds(kekId)) throw new UnknownKek(kekId);
    const id = kekId.slice(PREFIX.length);
    // Names the key, so that no other key of the account can be used to decrypt.
    const KeyId = this.keyId.startsWith('arn:') ? this.keyId.replace(/:(?:key|alias)\/.*$/, `:key/${id}`) : id;
    const command = new this.sdk.DecryptCommand({
      KeyId,
      CiphertextBlob: decodeForeign('aws-kms', wrapped),
      EncryptionContext: encryptionContext(context),
    });
    const { Plaintext } = await this.ask<Kms.DecryptCommandOutput>(() => this.client.send(command, { abortSignal: timeout() }), kekId);
    if (!Plaintext) throw new ProviderUnavailable('aws-kms', 'its response has no plaintext');
    return Buffer.from(Plaintext.buffer, Plaintext.byteOffset, Plaintext.byteLength);
  }

  stale({ kekId }: WrappedKey): boolean {
    return kekId !== this.#newest;
  }

  holds(kekId: string): boolean {
    return kekId.startsWith(PREFIX);
  }

  health(): Promise<void> {
    return probe(this);
  }

  private async ask<T>(send: () => Promise<T>, kekId?: string): Promise<T> {
    try {
      return await send();
    } catch (error) {
      // Logs the name only, because the SDK's errors contain the request and the response.
      const { name } = error as Error;
      if (name === 'InvalidCiphertextException' || name === 'IncorrectKeyException')
        throw new DecryptionFailed('the key provider aws-kms refused to decrypt it');
      if (kekId && name === 'NotFoundException') throw new UnknownKek(kekId);
      throw new ProviderUnavailable('aws-kms', name);
    }
  }
}

const timeout = () => AbortSignal.timeout(2 * TIMEOUT_MS);

/** CloudTrail logs the encryption context in plain text. It consists of ids and contains no secret. */
const encryptionContext = (context: readonly string[]): Record<string, string> => ({ 'signet:context': JSON.stringify(context) });
