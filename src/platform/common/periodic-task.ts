import type { ClockAct } from './events.js';

/** What a periodic task changes in projects' resources. A task that changes none of them states what it maintains. */
export type Duty = { acts: readonly ClockAct[] } | { maintains: string };

/** Runs a task repeatedly, with a pause after the end of each run. `stop` waits for the current run. */
export class PeriodicTask {
  #timer: NodeJS.Timeout | undefined;
  #underway: Promise<void> = Promise.resolve();
  #stopped = false;

  /**
   * @param duty the changes that the task makes: `ClockActs` accepts no others
   * @param onError receives the error of a failed run. The next run follows as usual
   */
  constructor(
    readonly duty: Duty,
    private readonly intervalMs: number,
    private readonly task: () => Promise<void>,
    private readonly onError: (error: unknown) => void,
  ) {}

  /** Whether `stop` was called. Long tasks check this between their steps. */
  get stopped(): boolean {
    return this.#stopped;
  }

  start(): void {
    this.#timer = setTimeout(() => {
      this.#underway = this.task()
        .catch(this.onError)
        .finally(() => !this.#stopped && this.start());
    }, this.intervalMs).unref();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#underway;
  }
}
