/**
 * Reads that many callers ask for at once, shared without ever answering with what was read before the question: whoever asks while a
 * read is under way waits for the next one. So there is at most one read of a thing at a time, and every answer is as of a moment after
 * its question.
 */
export class SharedReads<T> {
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
