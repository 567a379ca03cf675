import { Injectable } from '@nestjs/common';
import type { Scope } from '../common/scope.js';

/** A notice that a scope has reached a new revision. */
export interface RevisionNotice {
  scope: Scope;
  revision: number;
  /** True if this process committed the revision; false if the notice came from another process. */
  local: boolean;
}

type Listener = (notice: RevisionNotice) => void;

/**
 * Announces new revisions to the listeners of this process after the commit. A notice is best-effort: it may be delayed, duplicated or lost
 * (the process ended, another process wrote), so listeners also read the change log.
 *
 * Guarantees: An announcement follows the commit of its revision; delivery is not guaranteed.
 * Condition: Listeners read the change log to learn what changed.
 * Degrades: A lost announcement delays a listener until its next poll of the log.
 */
@Injectable()
export class ChangeFeed {
  readonly #listeners = new Set<Listener>();

  /** @param onNotice must neither throw nor block @returns a function that unsubscribes */
  subscribe(onNotice: Listener): () => void {
    this.#listeners.add(onNotice);
    return () => void this.#listeners.delete(onNotice);
  }

  announce(notice: RevisionNotice): void {
    for (const listener of this.#listeners) listener(notice);
  }
}
