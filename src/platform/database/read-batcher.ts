/**
 * Coalesces concurrent reads of one key without returning stale rows. Callers that arrive during a read share the next one. At most one
 * read per key runs at a time, and every result was read after its caller asked.
 */
export class ReadBatcher<T> {
  readonly #underway = new Map<string, Promise<T>>();
  readonly #next = new Map<string, Promise<T>>();

  read(key: string, load: () => Promise<T>): Promise<T> {
    const underway = this.#underway.get(key);
    if (!underway) return this.start(key, load);
    const queued = this.#next.get(key);
    if (queued) return queued;
    const begin = () => {
      this.#next.delete(key);
      return this.start(key, load);
    };
    const next = underway.then(begin, begin);
    this.#next.set(key, next);
    return next;
  }

  private start(key: string, load: () => Promise<T>): Promise<T> {
    const underway = load().finally(() => this.#underway.get(key) === underway && this.#underway.delete(key));
    this.#underway.set(key, underway);
    return underway;
  }
}
