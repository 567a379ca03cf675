import { Injectable } from '@nestjs/common';
import type { Scope } from '../common/scope.js';

/** A scope has reached a new revision. */
export interface RevisionNotice {
  scope: Scope;
  revision: number;
  /** Whether this process committed it; false: the notice came from another process. */
  local: boolean;
}

type Listener = (notice: RevisionNotice) => void;

/**
 * Announces new revisions to this process's listeners after their commit. Best-effort: a notice may be delayed, duplicated or lost (the
 * process died, another process wrote), so listeners read the log as well.
 *
 * Guarantees: An announcement follows the commit of its revision; delivery is not guaranteed.
 * Condition: Listeners treat it as a hint and read the change log for the truth.
 * Degrades: A lost announcement delays a listener until its next poll of the log.
 */
@Injectable()
export class ChangeFeed {
  readonly #listeners = new Set<Listener>();

  /** @param onNotice must neither throw nor block @returns unsubscribes */
  subscribe(onNotice: Listener): () => void {
    this.#listeners.add(onNotice);
    return () => void this.#listeners.delete(onNotice);
  }

  announce(notice: RevisionNotice): void {
    for (const listener of this.#listeners) listener(notice);
  }
}
