import { LRUCache } from 'lru-cache';
import type { Database } from '../database/database.js';

const ROWS_MAX = 50_000;
/** Revisions decide; this bounds what a process shows that went on running while an older backup was restored under it. */
const KEPT_MS = 10_000;

/** Rows as of a revision of their scope, read together with it. */
export interface AtRevision<T> {
  revision: number;
  rows: readonly T[];
}

/**
 * Rows that were read of a scope, kept for as long as its revision stands: every write of a scope moves its counter in the same
 * transaction, so an equal revision means equal rows, whichever process wrote (docs/adr/0012). Asking for the counter is one row by
 * its primary key. Nothing that is secret is kept: rows hold secrets sealed.
 */
export class KeptReads<T> {
  readonly #kept = new LRUCache<string, AtRevision<T>>({
    maxSize: ROWS_MAX,
    sizeCalculation: ({ rows }) => rows.length + 1,
    ttl: KEPT_MS,
  });

  constructor(private readonly database: Database) {}

  /**
   * @param scopeId the gateway or project whose counter the rows hang on
   * @param key tells this read from every other one, of other scopes and projects too
   * @param load reads the rows and the revision in one statement; undefined when there is nothing to keep
   */
  async read(scopeId: string, key: string, load: () => Promise<AtRevision<T> | undefined>): Promise<readonly T[]> {
    const kept = this.#kept.get(key);
    if (kept) {
      const sql = 'SELECT revision FROM change_counters WHERE scope_id = ?';
      const [counter] = await this.database.rows<{ revision: number }>(sql, [scopeId]);
      if (counter?.revision === kept.revision) return kept.rows;
    }
    const loaded = await load();
    if (loaded) this.#kept.set(key, loaded);
    else this.#kept.delete(key);
    return loaded?.rows ?? [];
  }
}
