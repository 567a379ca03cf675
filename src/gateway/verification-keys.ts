import { Agent, request } from 'undici';
import type { VerificationKeys } from '../lib/protocol/protocol.js';
import type { KeyMaterial } from '../lib/signing/scheme.js';

/** Where a verifier asks, and with which credential (role `verifier`). */
export interface VerificationSource {
  /** Without a slash at its end. */
  controlPlaneUrl: string;
  instanceId: string;
  token: string;
  /** Tells verifiers of one credential apart. */
  name: string;
}

const TIMEOUT_MS = 3000;

/**
 * The keys a backend accepts, asked for anew at each request: 304 as long as nothing has changed. So a deleted key is refused from
 * the next request on, and a staged one accepted.
 */
export class VerificationKeyClient {
  readonly #agent = new Agent({ connect: { timeout: TIMEOUT_MS }, headersTimeout: TIMEOUT_MS, bodyTimeout: TIMEOUT_MS });
  #etag: string | undefined;
  #keys: readonly KeyMaterial[] = [];

  constructor(private readonly source: VerificationSource) {}

  /** @throws Error when the control plane does not answer with keys: whoever cannot tell accepts nothing */
  async keys(): Promise<readonly KeyMaterial[]> {
    const { controlPlaneUrl, instanceId, token, name } = this.source;
    const { statusCode, headers, body } = await request(
      `${controlPlaneUrl}/signet/v1/instances/${encodeURIComponent(instanceId)}/verification-keys`,
      {
        dispatcher: this.#agent,
        headers: {
          authorization: `Bearer ${token}`,
          'signet-verifier': name,
          ...(this.#etag !== undefined && { 'if-none-match': this.#etag }),
        },
      },
    );
    if (statusCode === 200) {
      this.#keys = materials((await body.json()) as VerificationKeys);
      this.#etag = String(headers['etag']);
      return this.#keys;
    }
    await body.dump();
    if (statusCode === 304) return this.#keys;
    this.#etag = undefined;
    throw new Error(`the control plane answered ${statusCode} when asked for verification keys`);
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }
}

const materials = ({ keys }: VerificationKeys): KeyMaterial[] =>
  keys.flatMap(({ sign_id, sign_type, sign_algorithm, versions }) =>
    versions.map(({ sign_key, sign_secret }) => ({
      id: sign_id,
      signType: sign_type,
      signAlgorithm: sign_algorithm,
      signKey: sign_key,
      signSecret: sign_secret,
    })),
  );
