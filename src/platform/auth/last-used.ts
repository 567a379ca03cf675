import type { Database } from '../database/database.js';

const INTERVAL_MS = 60_000;
const RECORDED_MAX = 10_000;

/**
 * Records when credentials were last used, to the minute: at most one write per credential, minute and process. Runs in the background,
 * outside the credential's scope; a failed write is retried at the next use.
 */
export class LastUsed {
  readonly #recorded = new Map<string, number>();
  readonly #writes = new Set<Promise<unknown>>();

  constructor(
    private readonly database: Database,
    private readonly table: 'api_keys' | 'login_sessions' | 'signing_keys',
  ) {}

  /**
   * @param id of the credential
   * @param now Unix time in milliseconds
   * @param stored the row's current value, if the caller has read it
   */
  record(id: string, now: number, stored: number | null = null): void {
    if (now - (stored ?? 0) < INTERVAL_MS || now - (this.#recorded.get(id) ?? 0) < INTERVAL_MS) return;
    if (this.#recorded.size >= RECORDED_MAX) this.#recorded.clear();
    this.#recorded.set(id, now);
    const sql = `UPDATE ${this.table} SET last_used_at = ? WHERE id = ? AND (last_used_at IS NULL OR last_used_at < ?)`;
    const write = this.database
      .transaction((tx) => tx.run(sql, [now, id, now]))
      .catch(() => this.#recorded.delete(id))
      .finally(() => this.#writes.delete(write));
    this.#writes.add(write);
  }

  /** Waits for writes in progress. */
  async settle(): Promise<void> {
    await Promise.all(this.#writes);
  }
}
