import { readFileSync } from 'node:fs';
import { Agent, request } from 'undici';
import type { Config } from '../config/config.js';
import { type KeyProvider, probe, ProviderUnavailable, UnknownKek, type WrappedKey } from './key-provider.js';
import { decodeForeign, encodeForeign, DecryptionFailed } from './sealed.js';

const TIMEOUT_MS = 3000;
const CIPHERTEXT = /^vault:v(\d{1,9}):[A-Za-z0-9+/=]+$/;

/** Messages of Vault and OpenBao about a ciphertext that was altered or has other associated data. */
const BROKEN = /unable to decrypt|could not decrypt|message authentication failed/;
/** Messages about a key or key version that is unknown or not allowed. */
const UNKNOWN = /disallowed by policy|too new|larger than the latest|key not found/;

/**
 * Key provider for the transit engine of HashiCorp Vault or OpenBao. Calls `encrypt` and `decrypt`, with the context as associated data
 * (https://developer.hashicorp.com/vault/api-docs/secret/transit#encrypt-data). The key must have an AEAD type and must not be derived.
 */
export class VaultTransitProvider implements KeyProvider {
  readonly name = 'vault';
  readonly #agent = new Agent({ connect: { timeout: TIMEOUT_MS } });
  /** The key version that the last encryption used. */
  #newest: string | undefined;

  constructor(private readonly vault: NonNullable<Config['kek']['vault']>) {}

  async wrap(dataKey: Uint8Array, context: readonly string[]): Promise<WrappedKey> {
    const plaintext = Buffer.from(dataKey).toString('base64');
    const { ciphertext } = await this.call('encrypt', { plaintext, associated_data: associatedData(context) });
    const [, version] = CIPHERTEXT.exec(ciphertext ?? '') ?? [];
    if (!ciphertext || !version) throw new ProviderUnavailable('vault', 'its response has no ciphertext');
    this.#newest = this.kekId(version);
    return { kekId: this.#newest, wrapped: encodeForeign('vault', Buffer.from(ciphertext, 'utf8')) };
  }

  async unwrap({ kekId, wrapped }: WrappedKey, context: readonly string[]): Promise<Buffer> {
    if (!this.holds(kekId)) throw new UnknownKek(kekId);
    const ciphertext = decodeForeign('vault', wrapped).toString('utf8');
    const [, version] = CIPHERTEXT.exec(ciphertext) ?? [];
    if (!version || this.kekId(version) !== kekId) throw new DecryptionFailed('it does not name the key that wrapped it');
    const { plaintext } = await this.call('decrypt', { ciphertext, associated_data: associatedData(context) }, kekId);
    if (!plaintext) throw new ProviderUnavailable('vault', 'its response has no plaintext');
    return Buffer.from(plaintext, 'base64');
  }

  stale({ kekId }: WrappedKey): boolean {
    return kekId !== this.#newest;
  }

  holds(kekId: string): boolean {
    return kekId.startsWith(this.kekId(''));
  }

  health(): Promise<void> {
    return probe(this);
  }

  private kekId(version: string): string {
    return `vault:${this.vault.mount}/${this.vault.key}:v${version}`;
  }

  /** Returns the token. A token file is read for each call, so that an agent may renew it. */
  private token(): string {
    const { token, tokenFile } = this.vault;
    if (token) return token.reveal();
    try {
      return readFileSync(tokenFile ?? '', 'utf8').trim();
    } catch (error) {
      throw new ProviderUnavailable('vault', `SIGNET_VAULT_TOKEN_FILE cannot be read (${(error as NodeJS.ErrnoException).code})`);
    }
  }

  private async call(verb: 'encrypt' | 'decrypt', body: Record<string, string>, kekId?: string): Promise<Answer> {
    const { address, mount, key } = this.vault;
    let status: number;
    let answer: { data?: Answer; errors?: unknown };
    try {
      const response = await request(`${address}/v1/${mount}/${verb}/${encodeURIComponent(key)}`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'x-vault-token': this.token(),
          'x-vault-request': 'true',
        },
        body: JSON.stringify(body),
        dispatcher: this.#agent,
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      status = response.statusCode;
      answer = (await response.body.json()) as typeof answer;
    } catch (error) {
      // Omits the cause, because an HTTP client's errors may contain the request.
      const { code, name } = error as NodeJS.ErrnoException;
      throw error instanceof ProviderUnavailable ? error : new ProviderUnavailable('vault', code ?? name);
    }
    if (status === 200 && answer.data) return answer.data;
    const words = Array.isArray(answer.errors) ? answer.errors.join(' ') : '';
    if (status === 400 && BROKEN.test(words)) throw new DecryptionFailed('the key provider vault refused to decrypt it');
    if (kekId && (status === 400 || status === 404) && UNKNOWN.test(words)) throw new UnknownKek(kekId);
    throw new ProviderUnavailable('vault', `${verb} was answered with ${status}`);
  }
}

interface Answer {
  ciphertext?: string;
  plaintext?: string;
}

const associatedData = (context: readonly string[]) => Buffer.from(JSON.stringify(context), 'utf8').toString('base64');
