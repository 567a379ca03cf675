import { Agent, get } from 'node:http';

const SLOW_MS = 300;
const AT_ONCE = 2;
const REST_MS = 25;
/** The pause between requests once they count, until there are enough of them. */
const COUNTING_REST_MS = 1;
const PLENTY = 2000;

/** Sends one request. @returns the key that signed it; undefined if it was refused @throws Error when there was no answer */
export type Ask = () => Promise<string | undefined>;

/** Calls `/sign` of the node with this name, as nginx does. */
export function nginx(signUrl: () => string, path: string): { ask: Ask; close(): void } {
  const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE });
  const headers = { 'x-original-method': 'GET', 'x-original-uri': path, 'x-original-host': 'api.example' };
  const ask = () =>
    new Promise<string | undefined>((resolve, reject) => {
      const request = get(`${signUrl()}/sign`, { agent, headers, timeout: SLOW_MS }, (answer) => {
        answer.resume().once('error', reject);
        answer.once('end', () => resolve(accessIn(answer.headers.authorization)));
      });
      request.once('timeout', () => request.destroy(new Error('no answer in time'))).once('error', reject);
    });
  return { ask, close: () => agent.destroy() };
}

/** The key that the header names. */
export const accessIn = (authorization = ''): string | undefined => /Access=([^,]+),/.exec(authorization)?.[1];

/**
 * Continuous sequential requests to a node. A request that begins after a receipt is complete, and is signed with an ended key, is a
 * violation.
 */
export class Probes {
  /** The number of answered requests. */
  answered = 0;
  /** The number of signed requests. */
  signed = 0;
  /** The number of requests that began after a receipt was complete. Only these can disprove the receipt. */
  counted = 0;
  /** The counts at the first violation. */
  firstAt: number | undefined;
  readonly violations: string[] = [];
  /** The time from which each key must not sign. */
  readonly #ended = new Map<string, number>();
  readonly #kept: Ask[] = [];
  readonly #wakes = new Set<() => void>();
  #stopped = false;
  #lastKey: string | undefined;
  readonly #working: Promise<unknown>;

  constructor(
    private readonly name: string,
    private readonly ask: Ask,
  ) {
    this.#working = Promise.all(Array.from({ length: AT_ONCE }, () => this.#work()));
  }

  /** The key of the newest answer; undefined for a refusal. */
  get key(): string | undefined {
    return this.#lastKey;
  }

  /** Requests that can be sent once each: they are the first after a receipt is complete. */
  keep(asks: readonly Ask[]): void {
    this.#kept.push(...asks);
  }

  /** Records that the receipt of this key's end is complete from now on. */
  completed(key: string): void {
    if (this.#ended.has(key)) return;
    this.#ended.set(key, performance.now());
    for (const wake of this.#wakes) wake();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#working;
  }

  async #work(): Promise<void> {
    while (!this.#stopped) {
      const began = performance.now();
      const ask = (this.#ended.size > 0 ? this.#kept.pop() : undefined) ?? this.ask;
      const answered = await this.#probe(ask, began).catch(() => false);
      await this.#rest(answered && this.#ended.size > 0 && this.counted < PLENTY ? COUNTING_REST_MS : REST_MS);
    }
  }

  /** The time limit for the completion of a receipt. */
  async #rest(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wakes.add(resolve);
    const timer = setTimeout(resolve, ms);
    await promise;
    clearTimeout(timer);
    this.#wakes.delete(resolve);
  }

  /** @returns whether the request was answered */
  async #probe(ask: Ask, began: number): Promise<boolean> {
    const key = await ask();
    this.answered++;
    this.#lastKey = key;
    const since = this.#ended.values().next().value;
    if (since !== undefined && began > since) this.counted++;
    if (key === undefined) return true;
    this.signed++;
    const endedAt = this.#ended.get(key);
    if (endedAt !== undefined && began > endedAt) {
      this.firstAt ??= this.counted;
      this.violations.push(`${this.name} signs with ${key} ${Math.round(began - endedAt)} ms after its receipt was complete`);
    }
    return true;
  }
}
