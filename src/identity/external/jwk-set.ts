import type { KeyObject } from 'node:crypto';
import { JwksClient } from 'jwks-rsa';
import { Agent } from 'undici';
import { readPublicKey } from '../../platform/auth/compact-jws.js';
import { type Clock, since } from '../../platform/common/clock.js';
import type { OidcConfig } from '../../platform/config/identity-config.js';

/** The issuer's keys could not be fetched. */
export class JwkSetFailure extends Error {}

export interface VerificationKey {
  key: KeyObject;
  /** The only algorithm for which the key may be used, if the issuer names one. */
  alg: string | undefined;
}

const BODY_MAX_BYTES = 1024 * 1024;
/** Minimum time between requests for unknown key ids, because anybody can send invented ids. */
const LOOK_AGAIN_MS = 10_000;
/** Minimum time before a failed request to the issuer is repeated. */
const ASK_AGAIN_MS = 1000;

/**
 * The keys of one issuer, from its JWKS URL (RFC 7517 §5), parsed by jwks-rsa. They are cached here as one set, because the rate limit of
 * jwks-rsa would refuse known keys after enough unknown ids.
 */
export class JwkSet {
  readonly #agent: Agent;
  readonly #client: JwksClient;
  #keys: ReadonlyMap<string, VerificationKey> = new Map();
  #fetchedAt = Number.NEGATIVE_INFINITY;
  #askedAt = Number.NEGATIVE_INFINITY;
  #failure: JwkSetFailure | undefined;
  #fetching: Promise<void> | undefined;

  constructor(
    private readonly config: Pick<OidcConfig, 'jwksUri' | 'keysFreshMs' | 'timeoutMs'>,
    private readonly clock: Clock,
  ) {
    this.#agent = new Agent({ connections: 1, maxResponseSize: BODY_MAX_BYTES });
    this.#client = new JwksClient({ jwksUri: config.jwksUri, cache: false, rateLimit: false, fetcher: () => this.download() });
  }

  /**
   * Returns the key with this id, or undefined when the issuer has none. A set older than half its maximum age is refreshed in the
   * background; one beyond its maximum age is never used.
   * @throws JwkSetFailure when the keys cannot be fetched
   */
  async find(id: string): Promise<VerificationKey | undefined> {
    const now = this.clock.now();
    const [age, sinceAsked] = [since(this.#fetchedAt, now), since(this.#askedAt, now)];
    if (age >= this.config.keysFreshMs) await this.renew(sinceAsked >= ASK_AGAIN_MS);
    else if (!this.#keys.has(id)) await this.renew(sinceAsked >= LOOK_AGAIN_MS);
    else if (age >= this.config.keysFreshMs / 2 && sinceAsked >= LOOK_AGAIN_MS) void this.renew(true).catch(() => undefined);
    return this.#keys.get(id);
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  /** @param may whether the issuer may be asked. Otherwise, the result of the last request is used */
  private renew(may: boolean): Promise<void> {
    if (this.#fetching) return this.#fetching;
    if (!may) return this.#failure ? Promise.reject(this.#failure) : Promise.resolve();
    this.#fetching = this.fetch().finally(() => (this.#fetching = undefined));
    return this.#fetching;
  }

  private async fetch(): Promise<void> {
    const asked = (this.#askedAt = this.clock.now());
    try {
      const keys = new Map<string, VerificationKey>();
      for (const jwk of await this.#client.getSigningKeys()) {
        const key = usable(jwk.getPublicKey());
        if (key && typeof jwk.kid === 'string' && !keys.has(jwk.kid)) keys.set(jwk.kid, { key, alg: jwk.alg });
      }
      this.#keys = keys;
      this.#fetchedAt = asked;
      this.#failure = undefined;
    } catch (error) {
      const reason = (error as { code?: string }).code ?? (error instanceof Error ? error.message : 'unknown');
      throw (this.#failure = new JwkSetFailure(`the keys of the issuer could not be fetched from ${this.config.jwksUri}: ${reason}`));
    }
  }

  /** Fetches the keys. Follows no redirects and requests no other URL, whatever a token contains. */
  private async download(): Promise<{ keys: unknown }> {
    const { origin, pathname, search } = new URL(this.config.jwksUri);
    const signal = AbortSignal.timeout(this.config.timeoutMs);
    const headers = { accept: 'application/jwk-set+json, application/json' };
    const answer = await this.#agent.request({ origin, path: pathname + search, method: 'GET', signal, headers });
    const text = await answer.body.text();
    if (answer.statusCode !== 200) throw new Error(`the issuer answered ${answer.statusCode}`);
    const set: unknown = JSON.parse(text);
    const keys = (set as { keys?: unknown } | null)?.keys;
    if (!Array.isArray(keys) || !keys.every((key) => typeof key === 'object' && key !== null))
      throw new Error('the response is not a JWK set');
    return { keys };
  }
}

/** Returns the key, or undefined if it is too weak or cannot be used. Such a key is skipped, so that the others work. */
function usable(pem: string): KeyObject | undefined {
  try {
    return readPublicKey(pem);
  } catch {
    return undefined;
  }
}
