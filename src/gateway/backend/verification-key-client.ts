import { randomBytes } from 'node:crypto';
import { Agent, request } from 'undici';
import type { VerificationKeys } from '../../lib/protocol/protocol.js';
import { systemNow } from '#signing/clock.js';
import type { KeyMaterial } from '#signing/scheme.js';
import { backOff } from '../control-plane/backoff.js';

/** The control plane of a verifier, and the verifier's credential (role `verifier`). */
export interface VerificationSource {
  /** Has no slash at the end. */
  controlPlaneUrl: string;
  instanceId: string;
  token: string;
  /** The name of the verifier in receipts. */
  name: string;
  /** Maximum age of cached keys in seconds. Older keys are not used, and receipts rely on that. Default: 300. */
  maxAgeSeconds?: number;
}

const TIMEOUT_MS = 3000;
const WAIT_SECONDS = 20;
const MAX_AGE_SECONDS = 300;
const PROCESS_ID_BYTES = 12;
const RETRY = { firstMs: 100, longestMs: 5000 };

/** A reading of both clocks, because the monotonic clock may stop while the machine sleeps, and the wall clock can be set. */
interface Instant {
  monotonicMs: number;
  wallMs: number;
}

const instant = (): Instant => ({ monotonicMs: performance.now(), wallMs: systemNow() });

const ageMs = (then: Instant): number => {
  const now = instant();
  return Math.max(now.monotonicMs - then.monotonicMs, now.wallMs - then.wallMs);
};

interface CachedKeys {
  etag: string;
  keys: readonly KeyMaterial[];
  /**
   * The time at which the last request was sent that confirmed these keys. The age of the keys is the larger of their ages by the two
   * clocks.
   */
  asOf: Instant;
}

/**
 * Caches the verification keys of a backend and keeps them current by long polling. The control plane responds as soon as keys change, so
 * that deleted keys are refused, and staged keys accepted, without delay. The client fails closed: keys above their maximum age are not
 * used.
 */
export class VerificationKeyClient {
  readonly #agent = new Agent({
    connect: { timeout: TIMEOUT_MS },
    headersTimeout: WAIT_SECONDS * 1000 + TIMEOUT_MS,
    bodyTimeout: TIMEOUT_MS,
  });
  readonly #processId = randomBytes(PROCESS_ID_BYTES).toString('base64url');
  readonly #stop = new AbortController();
  readonly #maxAgeSeconds: number;
  #cached: CachedKeys | undefined;
  #refreshing: Promise<void> | undefined;
  #polling: Promise<void> | undefined;

  constructor(private readonly source: VerificationSource) {
    this.#maxAgeSeconds = source.maxAgeSeconds ?? MAX_AGE_SECONDS;
  }

  /** @throws Error when there are no keys, or they are too old */
  async keys(): Promise<readonly KeyMaterial[]> {
    if (!this.#cached) await this.refresh();
    this.#polling ??= this.#poll();
    if (!this.#cached) throw new Error('the control plane revoked access to the verification keys');
    if (ageMs(this.#cached.asOf) > this.#maxAgeSeconds * 1000)
      throw new Error(`the verification keys are older than ${this.#maxAgeSeconds} s`);
    return this.#cached.keys;
  }

  /**
   * Fetches the keys now, because a request is signed with a newer key or secret. Concurrent calls share one request.
   * @throws Error when the control plane does not return keys
   */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#fetch(0).finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  /** Drops the keys and informs the control plane. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#polling;
    this.#cached = undefined;
    const left = await this.#request('DELETE', 0).catch(() => undefined);
    await left?.body.dump().catch(() => undefined);
    await this.#agent.destroy();
  }

  async #poll(): Promise<void> {
    const { signal } = this.#stop;
    for (let failures = 0; !signal.aborted; ) {
      try {
        await this.#fetch(WAIT_SECONDS, signal);
        failures = 0;
      } catch {
        if (!signal.aborted) await backOff(failures++, RETRY, signal);
      }
    }
  }

  /** @throws Error when the control plane does not return keys */
  async #fetch(waitSeconds: number, signal?: AbortSignal): Promise<void> {
    const asOf = instant();
    const { statusCode, headers, body } = await this.#request('GET', waitSeconds, signal);
    if (statusCode === 200) {
      const keys = materials((await body.json()) as VerificationKeys);
      this.#cached = { keys, etag: String(headers['etag']), asOf };
      return;
    }
    await body.dump();
    // The response is at least as recent as the request, so the age counts from the request.
    if (statusCode === 304 && this.#cached) this.#cached = { ...this.#cached, asOf };
    else {
      if (statusCode === 401 || statusCode === 404) this.#cached = undefined;
      throw new Error(`the control plane responded to the request for verification keys with ${statusCode}`);
    }
  }

  #request(method: 'GET' | 'DELETE', waitSeconds: number, signal?: AbortSignal) {
    const { controlPlaneUrl, instanceId, token, name } = this.source;
    const cached = method === 'GET' ? this.#cached : undefined;
    return request(`${controlPlaneUrl}/signet/v1/instances/${encodeURIComponent(instanceId)}/verification-keys`, {
      method,
      dispatcher: this.#agent,
      ...(signal && { signal }),
      headers: {
        authorization: `Bearer ${token}`,
        'signet-verifier': `${name}/${this.#processId}`,
        'signet-max-key-age': String(this.#maxAgeSeconds),
        ...(waitSeconds > 0 && { prefer: `wait=${waitSeconds}` }),
        ...(cached && { 'if-none-match': cached.etag }),
      },
    });
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
