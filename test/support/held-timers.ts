type Timer = ReturnType<typeof setTimeout>;

const { setTimeout: begin, clearTimeout: end } = globalThis;
/** A timer that ends with the process only. */
const NEVER_MS = 2 ** 31 - 1;

/**
 * Timers of one duration, which end when the test says so: a time limit then passes in the state that the test is about, on a machine of
 * any speed, and at once.
 */
export class HeldTimers {
  readonly #held = new Map<Timer, () => void>();

  /** @param ms duration of the timers that are held; all others are real */
  constructor(ms: number) {
    const held = this.#held;
    globalThis.setTimeout = Object.assign(
      ((run: (...args: unknown[]) => void, delay?: number, ...args: unknown[]) => {
        if (delay !== ms) return begin(run, delay, ...args);
        const timer = begin(() => undefined, NEVER_MS).unref();
        held.set(timer, () => run(...args));
        return timer;
      }) as typeof setTimeout,
      begin,
    );
    globalThis.clearTimeout = (timer) => {
      held.delete(timer as Timer);
      end(timer);
    };
  }

  /** Ends the timers that run. @returns how many they were */
  pass(): number {
    const due = [...this.#held];
    for (const [timer, run] of due) {
      globalThis.clearTimeout(timer);
      run();
    }
    return due.length;
  }

  /** From now on every timer is real. */
  release(): void {
    for (const timer of this.#held.keys()) end(timer);
    globalThis.setTimeout = begin;
    globalThis.clearTimeout = end;
  }
}
