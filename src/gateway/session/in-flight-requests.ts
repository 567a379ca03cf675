/**
 * Counts requests between their last key look-up and the moment at which they are sent. The node acknowledges a revision, and ends its
 * session, only when no request with an older key table is still unsent.
 */
export class InFlightRequests {
  #count = 0;
  #waiting: (() => void)[] = [];

  get count(): number {
    return this.#count;
  }

  /** @returns a function that must be called when the request was sent or has failed */
  enter(): () => void {
    this.#count++;
    let entered = true;
    return () => {
      if (!entered) return;
      entered = false;
      if (--this.#count === 0) for (const wake of this.#waiting.splice(0)) wake();
    };
  }

  /** Resolves when no request is in flight. @throws the reason of the signal */
  async whenIdle(signal: AbortSignal): Promise<void> {
    while (this.#count > 0) {
      signal.throwIfAborted();
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
    }
    signal.throwIfAborted();
  }
}
