import { readFileSync } from 'node:fs';
import { Agent, request } from 'undici';
import type { Config } from '../config/config.js';
import { type KeyProvider, probe, ProviderUnavailable, RootKeyUnknown, type WrappedKey } from './key-provider.js';
import { decodeForeign, encodeForeign, SealBroken } from './sealed.js';

const TIMEOUT_MS = 3000;
const CIPHERTEXT = /^vault:v(\d{1,9}):[A-Za-z0-9+/=]+$/;

/** What Vault and OpenBao say of a ciphertext that was altered, or sealed with other associated data. */
const BROKEN = /unable to decrypt|could not decrypt|message authentication failed/;
/** … and of one whose key, or version of the key, they do not use (any more). */
const UNKNOWN = /disallowed by policy|too new|larger than the latest|key not found/;

/**
 * The transit engine of HashiCorp Vault or OpenBao: two calls, `encrypt` and `decrypt`, with the context as associated data
 * (https://developer.hashicorp.com/vault/api-docs/secret/transit#encrypt-data). The key must be of an AEAD type and not derived.
 */
export class VaultTransitProvider implements KeyProvider {
  readonly name = 'vault';
  readonly #agent: Agent;
  /** Version that the last encryption used. */
  #newest: string | undefined;

  constructor(private readonly vault: NonNullable<Config['kek']['vault']>) {
    const ca = vault.caFile === undefined ? undefined : readFileSync(vault.caFile, 'utf8');
    this.#agent = new Agent({ connect: { timeout: TIMEOUT_MS, ...(ca && { ca }) } });
  }

  async wrap(dataKey: Uint8Array, context: readonly string[]): Promise<WrappedKey> {
    const plaintext = Buffer.from(dataKey).toString('base64');
    const { ciphertext } = await this.call('encrypt', { plaintext, associated_data: associatedData(context) });
    const [, version] = CIPHERTEXT.exec(ciphertext ?? '') ?? [];
    if (!ciphertext || !version) throw new ProviderUnavailable('vault', 'its answer has no ciphertext');
    this.#newest = this.rootId(version);
    return { rootId: this.#newest, wrapped: encodeForeign('vault', Buffer.from(ciphertext, 'utf8')) };
  }

  async unwrap({ rootId, wrapped }: WrappedKey, context: readonly string[]): Promise<Buffer> {
    if (!this.holds(rootId)) throw new RootKeyUnknown(rootId);
    const ciphertext = decodeForeign('vault', wrapped).toString('utf8');
    const [, version] = CIPHERTEXT.exec(ciphertext) ?? [];
    if (!version || this.rootId(version) !== rootId) throw new SealBroken('it does not name the key it was wrapped with');
    const { plaintext } = await this.call('decrypt', { ciphertext, associated_data: associatedData(context) }, rootId);
    if (!plaintext) throw new ProviderUnavailable('vault', 'its answer has no plaintext');
    return Buffer.from(plaintext, 'base64');
  }

  stale({ rootId }: WrappedKey): boolean {
    return rootId !== this.#newest;
  }

  holds(rootId: string): boolean {
    return rootId.startsWith(this.rootId(''));
  }

  health(): Promise<void> {
    return probe(this);
  }

  private rootId(version: string): string {
    return `vault:${this.vault.mount}/${this.vault.key}:v${version}`;
  }

  /** A token file is read again for each call, so that an agent may renew it. */
  private token(): string {
    const { token, tokenFile } = this.vault;
    if (token) return token.reveal();
    try {
      return readFileSync(tokenFile ?? '', 'utf8').trim();
    } catch (error) {
      throw new ProviderUnavailable('vault', `SIGNET_VAULT_TOKEN_FILE cannot be read (${(error as NodeJS.ErrnoException).code})`);
    }
  }

  private async call(verb: 'encrypt' | 'decrypt', body: Record<string, string>, rootId?: string): Promise<Answer> {
    const { address, mount, key, namespace } = this.vault;
    let status: number;
    let answer: { data?: Answer; errors?: unknown };
    try {
      const response = await request(`${address}/v1/${mount}/${verb}/${encodeURIComponent(key)}`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'x-vault-token': this.token(),
          'x-vault-request': 'true',
          ...(namespace && { 'x-vault-namespace': namespace }),
        },
        body: JSON.stringify(body),
        dispatcher: this.#agent,
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      status = response.statusCode;
      answer = (await response.body.json()) as typeof answer;
    } catch (error) {
      // Not as its cause: what a client puts into its errors is not ours to vouch for.
      const { code, name } = error as NodeJS.ErrnoException;
      throw error instanceof ProviderUnavailable ? error : new ProviderUnavailable('vault', code ?? name);
    }
    if (status === 200 && answer.data) return answer.data;
    const words = Array.isArray(answer.errors) ? answer.errors.join(' ') : '';
    if (status === 400 && BROKEN.test(words)) throw new SealBroken('the key provider vault refuses it');
    if (rootId && (status === 400 || status === 404) && UNKNOWN.test(words)) throw new RootKeyUnknown(rootId);
    throw new ProviderUnavailable('vault', `${verb} was answered with ${status}`);
  }
}

interface Answer {
  ciphertext?: string;
  plaintext?: string;
}

const associatedData = (context: readonly string[]) => Buffer.from(JSON.stringify(context), 'utf8').toString('base64');
