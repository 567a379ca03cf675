/** A task done again and again, each time a while after the last has ended. A stop waits for the one under way. */
export class Recurring {
  #timer: NodeJS.Timeout | undefined;
  #underway: Promise<void> = Promise.resolve();
  #stopped = false;

  /** @param onFault hears why a run failed; the next one comes all the same */
  constructor(
    private readonly everyMs: number,
    private readonly task: () => Promise<void>,
    private readonly onFault: (error: unknown) => void,
  ) {}

  /** A long task looks here between its steps. */
  get stopped(): boolean {
    return this.#stopped;
  }

  start(): void {
    this.#timer = setTimeout(() => {
      this.#underway = this.task()
        .catch(this.onFault)
        .finally(() => !this.#stopped && this.start());
    }, this.everyMs).unref();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#underway;
  }
}
