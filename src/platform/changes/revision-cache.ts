import { LRUCache } from 'lru-cache';
import type { Scope } from '../common/scope.js';
import type { Database } from '../database/database.js';

const ROWS_MAX = 50_000;
/** Limits how long a process serves stale rows after a backup was restored while it ran. In all other cases the revision decides. */
const TTL_MS = 10_000;

/** Rows and the revision of their scope, read in the same statement. */
export interface AtRevision<T> {
  revision: number;
  rows: readonly T[];
}

/**
 * Caches rows of a scope as long as its revision stays the same. Every write of a scope increments its counter in the same transaction, so
 * an equal revision means equal rows, whichever process wrote them (docs/adr/0012). Reading the counter takes one primary-key look-up.
 * Secrets are only cached encrypted.
 *
 * Guarantees: The returned rows are of the current revision of their scope, for writes of all processes.
 * Condition: Every write of the scope increments its counter in the same transaction.
 * Degrades: If a restored database reaches a cached revision number again, old rows are served for at most ten seconds. While the database
 * fails, reads fail too.
 */
export class RevisionCache<T> {
  readonly #cached = new LRUCache<string, AtRevision<T>>({
    maxSize: ROWS_MAX,
    sizeCalculation: ({ rows }) => rows.length + 1,
    ttl: TTL_MS,
  });

  constructor(private readonly database: Database) {}

  /**
   * @param scope the scope whose revision validates the entry
   * @param key unique to this read among all scopes and projects
   * @param load reads the rows and the revision in one statement; undefined when there is nothing to cache
   */
  async read(scope: Scope, key: string, load: () => Promise<AtRevision<T> | undefined>): Promise<readonly T[]> {
    const cached = this.#cached.get(key);
    if (cached) {
      const sql = 'SELECT revision FROM change_counters WHERE scope_kind = ? AND scope_id = ?';
      const [counter] = await this.database.rows<{ revision: number }>(sql, [scope.kind, scope.id]);
      if (counter?.revision === cached.revision) return cached.rows;
    }
    const loaded = await load();
    if (loaded) this.#cached.set(key, loaded);
    else this.#cached.delete(key);
    return loaded?.rows ?? [];
  }
}
