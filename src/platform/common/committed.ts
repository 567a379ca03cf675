import type { Scope } from './scope.js';

/** The revision whose receipt proves that a write is in effect at every signer. */
export interface ReceiptTarget {
  readonly scope: Scope;
  readonly revision: number;
}

/** The result of a committed write, and its revision. */
export class Committed<T> {
  /** The revision for which the write's receipt waits; undefined: the write has no receipt. */
  readonly receiptTarget: ReceiptTarget | undefined;

  /**
   * @param revision the revision of the write; for a write without changes, the last revision of the scope
   * @param receiptTarget given when the signers are counted in another scope. Signers of a gateway are counted in the gateway's scope
   */
  constructor(
    readonly value: T,
    readonly scope: Scope,
    readonly revision: number,
    /** The epoch of the database to which the revision belongs. */
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
