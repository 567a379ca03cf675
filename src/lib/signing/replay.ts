/** Remembers what was accepted. */
export interface ReplayStore<Answer = boolean> {
  /**
   * Atomic: of two calls with one id, one gets true.
   * @param expiresAt milliseconds since the epoch; from then on the signature is refused for its age
   * @returns whether this is the first time
   */
  remember(id: string, expiresAt: number, now: number): Answer;
}

/** For one process. Several share a store of their own, such as Redis `SET … NX PXAT`. */
export class MemoryReplayStore implements ReplayStore {
  private readonly seen = new Map<string, number>();
  private sweepAt = 0;

  /** @param limit how many to hold; a full store refuses rather than forget what it must remember */
  constructor(private readonly limit = 1_000_000) {}

  remember(id: string, expiresAt: number, now: number): boolean {
    if (now >= this.sweepAt) this.sweep(now);
    if (this.seen.has(id) || this.seen.size >= this.limit) return false;
    this.seen.set(id, expiresAt);
    if (this.seen.size >= this.limit) this.sweepAt = Math.min(this.sweepAt, now + 1_000);
    return true;
  }

  private sweep(now: number): void {
    for (const [id, expiresAt] of this.seen) if (expiresAt < now) this.seen.delete(id);
    // Not at each call: a full store would walk itself for every request.
    this.sweepAt = now + (this.seen.size >= this.limit ? 1_000 : 60_000);
  }
}
