/** Stores accepted requests. */
export interface ReplayStore<Answer = boolean> {
  /**
   * Stores an id atomically: one of two calls with the same id returns true. @param expiresAt milliseconds since the epoch, from which on
   * the signature is refused as too old
   * @returns whether the id is new
   */
  remember(id: string, expiresAt: number, now: number): Answer;
}

/** In-memory store for one process. Several processes need a shared store, such as Redis `SET … NX PXAT`. */
export class MemoryReplayStore implements ReplayStore {
  private readonly seen = new Map<string, number>();
  private sweepAt = 0;

  /** @param limit capacity; a full store refuses new requests instead of forgetting accepted ones */
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
    // Expired entries are not removed on every call, because a full store would be scanned for every request.
    this.sweepAt = now + (this.seen.size >= this.limit ? 1_000 : 60_000);
  }
}
