import type { Clock } from '../common/clock.js';
import type { NodeTerms } from '../lib/protocol/protocol.js';
import type { HeldKeys } from './held-keys.js';

interface Instant {
  monotonic: number;
  wall: number;
}

/**
 * How long this node may sign without an answer to its reports. Time is taken from both clocks and the longer one counts:
 * the monotonic clock stands still while a machine sleeps, the wall clock can be set back.
 */
export class Lease {
  #start: Instant | undefined;
  #seconds: number | null = null;
  /** After a lease that ran out: changes up to here may be unknown to this node, and receipts did not wait for it. */
  #awaited = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(
    private readonly clock: Clock,
    private readonly held: Pick<HeldKeys, 'appliedRevision'>,
  ) {}

  now(): Instant {
    return { monotonic: performance.now(), wall: this.clock.now() };
  }

  /**
   * A report was answered.
   * @param sentAt when it was sent: the control plane counts from later, never from earlier
   */
  renew(sentAt: Instant, { lease_seconds, revision }: NodeTerms): void {
    if (this.#start && this.leftMs <= 0) this.#awaited = revision;
    this.#start = sentAt;
    this.#seconds = lease_seconds;
    for (const wake of this.#waiting.splice(0)) wake();
  }

  /** Resolves when the control plane has this node on its list, and so on every receipt: before that it may not hold a key. */
  async begun(signal: AbortSignal): Promise<void> {
    while (!this.#start) {
      signal.throwIfAborted();
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
    }
  }

  /** The control plane does not count on this node any more: nothing is signed until a report is answered again. */
  end(): void {
    this.#start = undefined;
    this.#awaited = 0;
  }

  /** Null: this gateway has no lease. */
  get seconds(): number | null {
    return this.#seconds;
  }

  /** True before the first report was answered as well: a node that no receipt lists must not sign. */
  get over(): boolean {
    return this.leftMs <= 0 || this.held.appliedRevision < this.#awaited;
  }

  get leftMs(): number {
    if (!this.#start) return 0;
    if (this.#seconds === null) return Number.POSITIVE_INFINITY;
    const now = this.now();
    return this.#seconds * 1000 - Math.max(now.monotonic - this.#start.monotonic, now.wall - this.#start.wall);
  }
}
