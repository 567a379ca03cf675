import type { Scope } from './scope.js';

/** The revision whose receipt confirms that a write is in effect at every signer. */
export interface ReceiptTarget {
  readonly scope: Scope;
  readonly revision: number;
}

/** The result of a committed write, and its revision. */
export class Committed<T> {
  /** What the write's receipt waits for; undefined: the write has none. */
  readonly receiptTarget: ReceiptTarget | undefined;

  /**
   * @param revision the write's own; for a write without changes, the scope's last
   * @param receiptTarget set when the signers are counted in another scope; those of a gateway are counted in its own
   */
  constructor(
    readonly value: T,
    readonly scope: Scope,
    readonly revision: number,
    /** The epoch of the database that the revision belongs to. */
    readonly epoch: string,
    receiptTarget?: ReceiptTarget,
  ) {
    this.receiptTarget = receiptTarget ?? (scope.kind === 'instance' ? { scope, revision } : undefined);
  }

  /** The same write with another result. */
  with<U>(value: U): Committed<U> {
    return new Committed(value, this.scope, this.revision, this.epoch, this.receiptTarget);
  }
}
