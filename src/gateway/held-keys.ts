import { KeyTable } from './key-table.js';

/**
 * What this node signs with right now: shared by every face, changed by the follower alone. Keys are here and in no file, no
 * log and no core of ours longer than the table that holds them.
 */
export class HeldKeys {
  #table = KeyTable.EMPTY;
  #synced = false;
  /** Everything up to here is in the table. */
  appliedRevision = 0;
  /** The newest revision that the control plane has told of. */
  knownRevision = 0;

  get table(): KeyTable {
    return this.#table;
  }

  /** A whole snapshot has been applied since the start, or since the keys were dropped. */
  get synced(): boolean {
    return this.#synced;
  }

  /** From the next statement on, requests are matched and signed with this table. */
  switchTo(table: KeyTable): void {
    this.#table = table;
  }

  /** The table holds everything up to `revision`. */
  applied(revision: number): void {
    this.#synced = true;
    this.appliedRevision = revision;
    this.knownRevision = Math.max(this.knownRevision, revision);
  }

  /** Nothing is signed until a whole snapshot is here again, of whatever revision. */
  drop(): void {
    this.#table = KeyTable.EMPTY;
    this.#synced = false;
    this.appliedRevision = 0;
    this.knownRevision = 0;
  }
}
