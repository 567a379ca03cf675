/** What a write answers, and the revision at which it took effect. */
export class Written<T> {
  constructor(
    readonly value: T,
    /** A gateway's id, or a project's. */
    readonly scopeId: string,
    /** The write's own revision; of a write that found nothing to change, the scope's last. */
    readonly revision: number,
  ) {}

  /** The same write with another answer. */
  with<U>(value: U): Written<U> {
    return new Written(value, this.scopeId, this.revision);
  }
}
