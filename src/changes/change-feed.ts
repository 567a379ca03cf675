import { Injectable } from '@nestjs/common';

/** A scope that has a new revision. */
export interface Advance {
  scopeId: string;
  revision: number;
  /** Committed by this process; else heard of. */
  local: boolean;
}

type Listener = (advance: Advance) => void;

/**
 * Wakes whoever waits for changes, after their commit. A hint and never the truth: it may be late, twice or not come at all
 * (the process died, another process wrote), and listeners then read the log and find out for themselves.
 */
@Injectable()
export class ChangeFeed {
  readonly #listeners = new Set<Listener>();

  /** @param listener must neither throw nor wait @returns ends the subscription */
  subscribe(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  announce(advance: Advance): void {
    for (const listener of this.#listeners) listener(advance);
  }
}
