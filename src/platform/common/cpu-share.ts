import { setTimeout as pause } from 'node:timers/promises';

/**
 * Limits long work to a share of this thread's CPU time: runs its steps one at a time, first come first served, and pauses after each in
 * proportion, so that other requests run in between.
 */
export class CpuShare {
  /** Resolves when the next step may begin. */
  #turn: Promise<void> = Promise.resolve();

  /** @param part of the thread's time, above 0 and below 1 */
  constructor(private readonly part: number) {}

  /** Runs one step in its turn. Steps are not interrupted: keep them to milliseconds. */
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

/** CPU time of this thread: waiting for a database or for a busy machine does not count. */
function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}
