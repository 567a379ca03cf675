import type { Database } from '../database/database.js';

const GRAIN_MS = 60_000;
const NOTED_MAX = 10_000;

/**
 * Notes when keys were last used, to the minute: a key in use costs one small write a minute and process, never one a request. It is no
 * write of the key's scope: nobody waits for it, and nothing is lost but a minute when it fails.
 */
export class LastUsed {
  readonly #noted = new Map<string, number>();
  readonly #writes = new Set<Promise<unknown>>();

  constructor(
    private readonly database: Database,
    private readonly table: 'api_keys' | 'signing_keys',
  ) {}

  /**
   * @param id the key
   * @param now milliseconds since the epoch
   * @param stored what the row says, where the caller has just read it
   */
  note(id: string, now: number, stored: number | null = null): void {
    if (now - (stored ?? 0) < GRAIN_MS || now - (this.#noted.get(id) ?? 0) < GRAIN_MS) return;
    if (this.#noted.size >= NOTED_MAX) this.#noted.clear();
    this.#noted.set(id, now);
    const sql = `UPDATE ${this.table} SET last_used_at = ? WHERE id = ? AND (last_used_at IS NULL OR last_used_at < ?)`;
    const write = this.database
      .transaction((tx) => tx.run(sql, [now, id, now]))
      .catch(() => this.#noted.delete(id))
      .finally(() => this.#writes.delete(write));
    this.#writes.add(write);
  }

  /** Waits for what is being written. */
  async settle(): Promise<void> {
    await Promise.all(this.#writes);
  }
}
