/** The timers of a simulation. Nothing waits for real time, and timers that are due at the same time run in the order of their creation. */
export class SimulatedTime {
  nowMs = 0;
  #last = 0;
  readonly #timers = new Map<number, { atMs: number; run: () => void }>();

  readonly setTimeout = (run: () => void, ms = 0): number => {
    const id = ++this.#last;
    this.#timers.set(id, { atMs: this.nowMs + Math.max(0, ms), run });
    return id;
  };

  readonly clearTimeout = (id: number | undefined): void => {
    if (id !== undefined) this.#timers.delete(id);
  };

  /** The same functions as in `node:timers/promises`. */
  readonly wait = (ms: number, value?: unknown, { signal }: { signal?: AbortSignal } = {}): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const abort = () => {
        this.clearTimeout(id);
        reject(signal?.reason as Error);
      };
      if (signal?.aborted) return reject(signal.reason as Error);
      const id = this.setTimeout(() => {
        signal?.removeEventListener('abort', abort);
        resolve(value);
      }, ms);
      signal?.addEventListener('abort', abort, { once: true });
    });

  readonly timeoutSignal = (ms: number): AbortSignal => {
    const controller = new AbortController();
    this.setTimeout(() => controller.abort(new Error('timed out')), ms);
    return controller.signal;
  };

  /** Advances the time to the next timer and runs it. @returns false when there is none before the end */
  advance(endMs: number): boolean {
    let next: { id: number; atMs: number } | undefined;
    for (const [id, { atMs }] of this.#timers) if (!next || atMs < next.atMs || (atMs === next.atMs && id < next.id)) next = { id, atMs };
    if (!next || next.atMs > endMs) return false;
    const { run } = this.#timers.get(next.id) as { run: () => void };
    this.#timers.delete(next.id);
    this.nowMs = Math.max(this.nowMs, next.atMs);
    run();
    return true;
  }
}
