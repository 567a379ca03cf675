import { setTimeout as pause } from 'node:timers/promises';

/**
 * Limits long work to a share of this thread's CPU time. Steps run one at a time, in the order of their calls. After each step there is a
 * pause in proportion to its CPU time, so that other requests can run.
 */
export class CpuShare {
  /** Resolves when the next step may begin. */
  #turn: Promise<void> = Promise.resolve();

  /** @param part the share of the thread's time, above 0 and below 1 */
  constructor(private readonly part: number) {}

  /** Runs one step when it is its turn. Steps are not interrupted, so each must take only milliseconds. */
  step<T>(work: () => Promise<T>): Promise<T> {
    let before = 0;
    const done = this.#turn.then(() => {
      before = cpuMs();
      return work();
    });
    const rest = () => {
      const tookMs = cpuMs() - before;
      return pause(Math.ceil(tookMs / this.part - tookMs));
    };
    this.#turn = done.then(rest, rest);
    return done;
  }
}

/** CPU time of this thread. Waiting for a database or for a busy processor does not count. */
function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}
