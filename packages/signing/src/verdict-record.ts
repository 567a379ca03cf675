import type { RefusalCode } from './errors.js';
import { monotonicNow } from './clock.js';
import type { Log } from './log.js';
import type { RequestHead } from './received.js';
import type { Verification } from './verify.js';

/** How many requests an adapter has accepted, and refused by code; in report-only mode, what it would have done. */
export type VerdictCounts = Readonly<Partial<Record<'accepted' | RefusalCode, number>>>;

/** Clients decide how many requests are refused, so each code has a line a second at most. */
const LOG_MS = 1000;
const PATH_CHARS_MAX = 200;
const METHOD_CHARS_MAX = 20;

/** Counts what adapters decide; in report-only mode lets every request pass, and logs what would have been refused. */
export class VerdictRecord {
  readonly #counts: Partial<Record<'accepted' | RefusalCode, number>> = {};
  readonly #loggedAt = new Map<RefusalCode, number>();

  constructor(
    private readonly reportOnly: boolean,
    private readonly log: Log,
  ) {}

  get counts(): VerdictCounts {
    return { ...this.#counts };
  }

  /** @returns whether the request may pass */
  passes(verdict: Verification, { method, url }: Pick<RequestHead, 'method' | 'url'>): boolean {
    const outcome = verdict.ok ? 'accepted' : verdict.code;
    this.#counts[outcome] = (this.#counts[outcome] ?? 0) + 1;
    if (verdict.ok || !this.reportOnly) return verdict.ok;
    if (this.#isDue(verdict.code)) {
      const path = (url.split('?', 1)[0] ?? '').slice(0, PATH_CHARS_MAX);
      // Quoted, so that a client adds no line to the log.
      const request = `${JSON.stringify(method.slice(0, METHOD_CHARS_MAX))} ${JSON.stringify(path)}`;
      this.log(`would refuse ${request}: ${verdict.code} (${verdict.hint})`);
    }
    return true;
  }

  #isDue(code: RefusalCode): boolean {
    const now = monotonicNow();
    const due = now - (this.#loggedAt.get(code) ?? -Infinity) >= LOG_MS;
    if (due) this.#loggedAt.set(code, now);
    return due;
  }
}
