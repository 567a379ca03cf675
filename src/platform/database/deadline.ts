import { setTimeout as delay } from 'node:timers/promises';

/** The deadline of a database operation has passed. */
export class DatabaseTimeout extends Error {
  readonly code = 'DATABASE_TIMEOUT';
  constructor() {
    super('the database did not answer in time');
  }
}

/**
 * Time limit of a database operation. It would not suffice to reject the promise: statements would continue to run, and locks would stay.
 * So the waiting code registers how to abort ({@link guard}).
 */
export class Deadline {
  #timer: NodeJS.Timeout | undefined;
  #cut: ((error: DatabaseTimeout) => void) | undefined;
  #ended = false;

  /** @param at time on the clock of `performance.now()` */
  constructor(readonly at: number) {}

  static in(milliseconds: number): Deadline {
    return new Deadline(performance.now() + milliseconds);
  }

  get leftMs(): number {
    return this.#ended ? 0 : Math.max(0, this.at - performance.now());
  }

  get over(): boolean {
    return this.leftMs === 0;
  }

  /** Sets what to call when the time is over. Calls it at once if the time is already over. */
  guard(cut: (error: DatabaseTimeout) => void): void {
    if (this.over) return cut(new DatabaseTimeout());
    this.#cut = cut;
    this.#timer ??= setTimeout(() => this.end(), this.leftMs);
  }

  /** Removes the callback, because nothing is left to abort. */
  free(): void {
    this.#cut = undefined;
  }

  /** Ends the time at once. */
  end(): void {
    this.#ended = true;
    this.clear();
    const cut = this.#cut;
    this.#cut = undefined;
    cut?.(new DatabaseTimeout());
  }

  clear(): void {
    clearTimeout(this.#timer);
  }

  /** Waits, but not longer than until the deadline. */
  async pause(milliseconds: number): Promise<void> {
    await delay(Math.min(milliseconds, this.leftMs));
  }
}

/**
 * Database time of one request, shared by its operations. The time between operations (hashing a password, waiting for gateways) does not
 * count.
 */
export class TimeBudget {
  #leftMs: number;
  #underway = 0;
  #since = 0;

  /** @param answered whether the response was sent. Operations after it, e.g. those of a stream, have limits of their own */
  constructor(
    milliseconds: number,
    private readonly answered: () => boolean = () => false,
  ) {
    this.#leftMs = milliseconds;
  }

  get applies(): boolean {
    return !this.answered();
  }

  /** Begins an operation. */
  begin(): Deadline {
    const now = performance.now();
    if (this.#underway++ === 0) this.#since = now;
    return new Deadline(this.#since + this.#leftMs);
  }

  /** Ends an operation. */
  end(): void {
    if (--this.#underway === 0) this.#leftMs -= performance.now() - this.#since;
  }
}
