import { LRUCache } from 'lru-cache';
import { ApiFault } from '../common/api-error.js';
import { type Clock, since } from '../common/clock.js';

const ATTEMPTS_MAX = 10;

interface Entry<V> {
  key: string;
  value: V;
  /** Start of the look-up, Unix time in milliseconds. From then on, the result may be outdated. */
  askedAt: number;
  /** The credential was revoked during the look-up. */
  revoked: boolean;
}

interface Options<V, C> {
  /** Maximum number of entries. */
  max: number;
  clock: Clock;
  /** Lifetime of a result in milliseconds. Revocations by other processes apply within this time. */
  freshMs: () => number;
  /** Expiry of the value itself, Unix time in milliseconds. */
  endsAt?: (value: V) => number;
  /** @throws an error, which the caller of the cache receives; nothing is cached */
  lookUp: (context: C) => Promise<V>;
}

/**
 * Caches the results of verified credentials. Concurrent callers share a look-up. A look-up during which its credential was revoked is
 * discarded and repeated.
 *
 * Guarantees: A revoked credential is refused at once in the process that revokes it, and within `freshMs` in every other.
 * Condition: The code that revokes calls `forget`, `forgetWhere`, `forgetValues` or `forgetAll` after its commit.
 * Degrades: A look-up that fails is an error for its caller; a stale entry is never used instead.
 */
export class RevocableCache<V, C> {
  readonly #options: Options<V, C>;
  readonly #entries: LRUCache<string, Entry<V>, { context: C }>;
  readonly #underway = new Set<Entry<V>>();

  constructor(options: Options<V, C>) {
    this.#options = options;
    this.#entries = new LRUCache<string, Entry<V>, { context: C }>({
      max: options.max,
      fetchMethod: (key, _stale, { context: { context } }) => this.#lookUp(key, context),
      // Callers that wait for a discarded look-up receive the result of the repeated one.
      ignoreFetchAbort: true,
    });
  }

  /**
   * Returns the value, synchronously if it is cached.
   * @param key identifies the credential, e.g. its hash; never the credential itself
   * @param context argument of {@link Options.lookUp}
   */
  get(key: string, context: C): V | Promise<V> {
    const entry = this.#entries.get(key);
    if (!entry) return this.#fetch(key, context);
    if (this.#isFresh(entry)) return entry.value;
    this.#entries.delete(key);
    return this.#fetch(key, context);
  }

  /** Bypasses the cache, and never joins a look-up that began earlier. */
  async lookUp(key: string, context: C): Promise<V> {
    const entry = await this.#lookUp(key, context);
    this.#underway.delete(entry);
    if (entry.revoked) return this.lookUp(key, context);
    this.#entries.set(key, entry);
    return entry.value;
  }

  /** Removes a revoked credential. */
  forget(key: string): void {
    for (const entry of this.#underway) if (entry.key === key) entry.revoked = true;
    this.#entries.delete(key);
  }

  /** Removes a revoked credential that may have several keys. */
  forgetWhere(matches: (key: string) => boolean): void {
    for (const entry of this.#underway) if (matches(entry.key)) entry.revoked = true;
    for (const key of this.#entries.keys()) if (matches(key)) this.#entries.delete(key);
  }

  /** Removes revoked values. Look-ups under way are repeated, because their values are not known yet. */
  forgetValues(matches: (value: V) => boolean): void {
    for (const entry of this.#underway) entry.revoked = true;
    for (const [key, { value }] of [...this.#entries.entries()]) if (matches(value)) this.#entries.delete(key);
  }

  /** Clears the cache after a revocation or a change of permissions. */
  forgetAll(): void {
    for (const entry of this.#underway) entry.revoked = true;
    this.#entries.clear();
  }

  async #fetch(key: string, context: C): Promise<V> {
    const entry = (await this.#entries.fetch(key, { context: { context } }))!;
    this.#underway.delete(entry);
    return entry.revoked ? this.get(key, context) : entry.value;
  }

  /** @returns an entry that is still registered as pending, so that a revocation is noticed until the caller receives the entry */
  async #lookUp(key: string, context: C): Promise<Entry<V>> {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const entry = { key, value: undefined as V, askedAt: this.#options.clock.now(), revoked: false };
      this.#underway.add(entry);
      let believed = false;
      try {
        entry.value = await this.#options.lookUp(context);
        believed = !entry.revoked;
        if (believed) return entry;
      } finally {
        if (!believed) this.#underway.delete(entry);
      }
    }
    throw new ApiFault('unavailable', { detail: 'credentials are being revoked faster than they can be looked up' });
  }

  #isFresh({ value, askedAt }: Entry<V>): boolean {
    const { clock, freshMs, endsAt } = this.#options;
    const now = clock.now();
    return since(askedAt, now) < freshMs() && (endsAt === undefined || now < endsAt(value));
  }
}
