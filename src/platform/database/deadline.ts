import { setTimeout as delay } from 'node:timers/promises';

/** The deadline of a database operation has passed. */
export class DatabaseTimeout extends Error {
  readonly code = 'DATABASE_TIMEOUT';
  constructor() {
    super('the database did not answer in time');
  }
}

/**
 * Time limit of a database operation. Rejecting the promise alone would leave statements running and locks held, so the waiting code
 * registers how to abort ({@link guard}).
 */
export class Deadline {
  #timer: NodeJS.Timeout | undefined;
  #cut: ((error: DatabaseTimeout) => void) | undefined;
  #ended = false;

  /** @param at on the clock of `performance.now()` */
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

  /** Sets what to call when the time is over; calls it at once if it is over already. */
  guard(cut: (error: DatabaseTimeout) => void): void {
    if (this.over) return cut(new DatabaseTimeout());
    this.#cut = cut;
    this.#timer ??= setTimeout(() => this.end(), this.leftMs);
  }

  /** Removes the callback: nothing to abort any more. */
  free(): void {
    this.#cut = undefined;
  }

  /** Ends the time now. */
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

  /** Waits, but not past the deadline. */
  async pause(milliseconds: number): Promise<void> {
    await delay(Math.min(milliseconds, this.leftMs));
  }
}

/** Database time of one request, shared by its operations. Time between them (hashing a password, waiting for gateways) does not count. */
export class TimeBudget {
  #leftMs: number;
  #underway = 0;
  #since = 0;

  /** @param answered whether the response was sent: later operations, e.g. of a stream, have their own limits */
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
