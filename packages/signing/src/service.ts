/** `signet-signing/service`: the keys of a gateway, fetched from the service and kept current. The only entry that makes requests. */
import { randomBytes, randomInt } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { clocks, longestSince, monotonicNow } from './clock.js';
import { KeysUnavailableError } from './errors.js';
import { isForReportOnly, type KeySource } from './key-source.js';
import { type Log, nameOf, systemLog } from './log.js';
import type { KeyMaterial } from './scheme.js';
import { idOf, revisionOf, type ServedKeys, servedKeys } from './service-answer.js';
import { ServiceClient, type ServiceOptions, Unanswered } from './service-client.js';

export type { ServiceOptions } from './service-client.js';

export interface ServiceKeysOptions extends ServiceOptions {
  /** Name of this verifier in receipts: 1 to 64 letters, digits, dots, underscores, colons or hyphens. */
  name: string;
  /**
   * Keys that the service has not confirmed for longer are not used; receipts rely on it. 10 s to 30 days; default 300. Null: never, so a process
   * that is cut off accepts deleted keys.
   */
  maxAgeSeconds?: number | null;
  /** Gets failures to fetch keys. Default: `console.warn`. */
  log?: Log;
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/;
const AGE = { leastSeconds: 10, mostSeconds: 30 * 86_400, defaultSeconds: 300 };
const PROCESS_ID_BYTES = 12;
const WAIT_SECONDS = 20;
const RETRY = { firstMs: 100, longestMs: 5000 };
/** Without an ETag to send back there is nothing to wait for. */
const CLAIMLESS_PAUSE_MS = 5000;
/** Something on the way may drop `If-None-Match` or `Prefer`, and a service that stops answers at once: the next request is not sent at once then. */
const UNCHANGED_PAUSE_MS = 1000;
/** The token is no longer valid, may not read the keys, or its gateway does not exist: nothing says that the keys are still valid. */
const ENDED_STATUSES: ReadonlySet<number> = new Set([401, 403, 404]);
const KEEP_ALIVE_MS = 60_000;

const NOT_YET = 'the keys have not arrived yet';
const ENDED = 'the control plane refuses to give keys to this verifier';
const TOO_OLD = 'the keys are too old, the control plane does not answer';
const STOPPED = 'the verifier has stopped';

interface Held extends ServedKeys {
  /** When the request was sent whose answer last confirmed these keys, by each clock. */
  asOf: readonly number[];
}

/**
 * Fetches the keys of a gateway and keeps them current by long polling: the service answers as soon as keys change, so a deleted key is
 * refused, and a new one accepted, at once. Fails closed: without keys, with keys above their maximum age, and after its credential has ended,
 * every request is refused with `keys_unavailable`.
 *
 * Receipts list this process by `name` and `processId`, with the newest revision whose keys it has shown to hold.
 */
export class ServiceKeys implements KeySource {
  readonly name: string;
  /** Identifies the process in receipts; random. */
  readonly processId = randomBytes(PROCESS_ID_BYTES).toString('base64url');
  readonly #client: ServiceClient;
  readonly #instanceId: string;
  readonly #maxAgeSeconds: number | null;
  readonly #log: Log;
  readonly #stop = new AbortController();
  readonly #arrived = new Set<() => void>();
  #polling: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;
  #claims = true;
  #held: Held | undefined;
  #why = NOT_YET;

  /** @throws TypeError for wrong options */
  constructor(options: ServiceKeysOptions) {
    const { name, maxAgeSeconds = AGE.defaultSeconds, log = systemLog } = options;
    if (typeof name !== 'string' || !NAME.test(name))
      throw new TypeError('name is 1 to 64 letters, digits, dots, underscores, colons or hyphens');
    const { leastSeconds, mostSeconds } = AGE;
    if (maxAgeSeconds !== null && !(Number.isInteger(maxAgeSeconds) && maxAgeSeconds >= leastSeconds && maxAgeSeconds <= mostSeconds))
      throw new TypeError(`maxAgeSeconds is ${leastSeconds} to ${mostSeconds}, or null`);
    this.#client = new ServiceClient(options);
    this.#instanceId = options.instanceId;
    this.name = name;
    this.#maxAgeSeconds = maxAgeSeconds;
    this.#log = log;
  }

  /** Begins to fetch. The first look-up does it, too. */
  start(): this {
    if (this.#polling === undefined && !this.#stop.signal.aborted) {
      this.#polling = this.#poll();
      process.once('beforeExit', this.#leave);
    }
    return this;
  }

  /** Whether requests can be verified now, for a readiness probe. */
  get ready(): boolean {
    return this.#current() !== undefined;
  }

  /** The revision of the keys in use; undefined while there are none. */
  get revision(): number | undefined {
    return this.#current()?.revision;
  }

  /** Time since the keys were last confirmed; undefined while there are none. */
  get ageSeconds(): number | undefined {
    return this.#held && longestSince(this.#held.asOf) / 1000;
  }

  /** Waits for keys. @returns whether they came within the time; without one, waits until they come or `stop` is called */
  async waitUntilReady(timeoutMs?: number): Promise<boolean> {
    this.start();
    // Keeps the process alive, which waiting for the service does not.
    const alive = setInterval(() => undefined, KEEP_ALIVE_MS);
    const end = timeoutMs === undefined ? this.#stop.signal : AbortSignal.any([this.#stop.signal, AbortSignal.timeout(timeoutMs)]);
    try {
      while (!this.ready && !end.aborted) await this.#change(end);
      return this.ready;
    } finally {
      clearInterval(alive);
    }
  }

  /** The look-up of a verifier. @throws KeysUnavailableError */
  keysFor(accessId: string, scheme: string): readonly KeyMaterial[] {
    if (this.#claims && isForReportOnly()) this.#claimNoMore();
    this.start();
    const held = this.#current();
    if (held === undefined) throw new KeysUnavailableError(this.#held === undefined ? this.#why : TOO_OLD);
    return held.byId.get(idOf(accessId, scheme)) ?? [];
  }

  /**
   * For a verifier in report-only mode, which accepts everything: receipts must not believe that this process refuses. So it sends no process
   * id, no ETag and no maximum age, and receipts list it as `unknown`. Changes then arrive within seconds instead of at once.
   * @throws Error when the keys are in use: the service was told otherwise already
   */
  claimNothing(): void {
    if (this.#claims && this.#polling !== undefined) throw new Error('create the report-only verifier before the keys are started');
    this.#claims = false;
  }

  /** Drops the keys, and tells the service that this process accepts nothing any more. Also called when the process ends by itself. */
  stop(): Promise<void> {
    this.#stopping ??= this.#end();
    return this.#stopping;
  }

  readonly #leave = () => void this.stop();

  async #end(): Promise<void> {
    process.off('beforeExit', this.#leave);
    this.#why = STOPPED;
    this.#stop.abort();
    this.#hold(undefined);
    if (this.#polling === undefined) return this.#client.close();
    await this.#polling;
    if (this.#claims) {
      await this.#client.call('DELETE', this.#headers(true), 0).catch((error: unknown) => {
        this.#log(`the service was not told that this verifier stops: ${nameOf(error)}`);
      });
    }
    this.#client.close();
  }

  #claimNoMore(): void {
    if (this.#polling !== undefined)
      this.#log('a report-only verifier uses keys that were started before it: receipts were told that this process refuses');
    this.#claims = false;
  }

  #current(): Held | undefined {
    const held = this.#held;
    if (held === undefined) return undefined;
    // Not `>`, so that a NaN clock refuses.
    return this.#maxAgeSeconds === null || longestSince(held.asOf) <= this.#maxAgeSeconds * 1000 ? held : undefined;
  }

  #hold(held: Held | undefined): void {
    this.#held = this.#stop.signal.aborted ? undefined : held;
    for (const tell of this.#arrived) tell();
  }

  /** Resolves when keys have arrived or gone, or at the end. */
  #change(end: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        this.#arrived.delete(done);
        end.removeEventListener('abort', done);
        resolve();
      };
      this.#arrived.add(done);
      end.addEventListener('abort', done);
    });
  }

  async #poll(): Promise<void> {
    const { signal } = this.#stop;
    for (let failures = 0; !signal.aborted; ) {
      const begun = monotonicNow();
      let pauseMs = 0;
      try {
        const changed = await this.#fetch(signal);
        failures = 0;
        if (!this.#claims) pauseMs = CLAIMLESS_PAUSE_MS;
        else if (!changed && monotonicNow() - begun < UNCHANGED_PAUSE_MS) pauseMs = UNCHANGED_PAUSE_MS;
      } catch (error) {
        // Whatever it was, the keys age, and the next attempt may succeed.
        if (signal.aborted) return;
        if (failures === 0) this.#log(`the keys could not be fetched: ${error instanceof Unanswered ? error.message : reasonOf(error)}`);
        pauseMs = retryMs(failures++, error);
      }
      if (pauseMs > 0) await delay(pauseMs, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  /** One long poll. @returns whether other keys came @throws when the service does not answer with keys */
  async #fetch(signal: AbortSignal): Promise<boolean> {
    const claims = this.#claims;
    const held = claims ? this.#held : undefined;
    const longest = this.#maxAgeSeconds === null ? WAIT_SECONDS : Math.min(WAIT_SECONDS, Math.floor(this.#maxAgeSeconds / 3));
    // Without keys, the answer is wanted at once.
    const waitSeconds = held === undefined ? 0 : longest;
    const headers = this.#headers(claims);
    if (held !== undefined) Object.assign(headers, { 'if-none-match': held.etag, prefer: `wait=${waitSeconds}` });
    // The answer is at least as recent as its request, so the age counts from there.
    const asOf = clocks();
    const answer = await this.#client.call('GET', headers, waitSeconds, signal);
    const { etag } = answer.headers;
    if (answer.status === 200) {
      const served = etag === undefined ? undefined : servedKeys(answer.text, this.#instanceId, etag, this.#log);
      if (served === undefined) throw new Unanswered('the answer does not have the keys of this gateway');
      this.#hold({ ...served, asOf });
      return held?.etag !== etag;
    }
    if (answer.status === 304 && held !== undefined) {
      // The content is the same; its tag may name a newer revision.
      this.#hold({ ...held, etag: etag ?? held.etag, revision: revisionOf(etag ?? '') ?? held.revision, asOf });
      return false;
    }
    if (ENDED_STATUSES.has(answer.status) && !signal.aborted) {
      this.#why = ENDED;
      this.#hold(undefined);
    }
    throw new Unanswered(`the service answered ${answer.status}`, Number(answer.headers['retry-after']) || 0);
  }

  #headers(claims: boolean): Record<string, string> {
    if (!claims) return { 'signet-verifier': this.name };
    return {
      'signet-verifier': `${this.name}/${this.processId}`,
      ...(this.#maxAgeSeconds !== null && { 'signet-max-key-age': String(this.#maxAgeSeconds) }),
    };
  }
}

/** Such as ECONNREFUSED. */
const reasonOf = (error: unknown): string => {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' ? code : nameOf(error);
};

/** The delay doubles with each failure, and is drawn from its upper half, so that processes which lost one service do not return together. */
function retryMs(failures: number, error: unknown): number {
  const { firstMs, longestMs } = RETRY;
  const longest = Math.min(longestMs, firstMs * 2 ** Math.min(failures, 10));
  const asked = error instanceof Unanswered ? Math.min(longestMs, error.retryAfterSeconds * 1000) : 0;
  return Math.max(asked, randomInt(Math.ceil(longest / 2), longest + 1));
}
