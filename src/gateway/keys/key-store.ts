import { type DigestRow, digestText, EMPTY_DIGEST, type TableDigest, withoutRow, withRow } from '../../lib/receipts/digest.js';
import type { UsedKey } from '../../lib/receipts/node.js';
import { KeyTable, type Route } from './key-table.js';

/** The signatures that a switch of the table ends, and those that it begins. */
export interface TableDiff {
  readonly ended: readonly (Omit<UsedKey, 'publishId'> & { readonly publishId: string | null })[];
  readonly begun: readonly UsedKey[];
}

/**
 * The current key table of this node. Every entrypoint reads it; only the change replicator replaces it. Keys exist only in memory, and no
 * longer than the table that contains them.
 */
export class KeyStore {
  #table = KeyTable.EMPTY;
  #digest: TableDigest = EMPTY_DIGEST;
  /** The newest revision that the table includes. Deletions count too. */
  newestRevision = 0;
  readonly #listeners: ((table: KeyTable) => void)[] = [];
  /** The newest revision that the control plane has announced. */
  knownRevision = 0;

  get table(): KeyTable {
    return this.#table;
  }

  /** @param listener called synchronously when another table takes effect */
  onSwitch(listener: (table: KeyTable) => void): void {
    this.#listeners.push(listener);
  }

  /** Digest of the table. The control plane compares it with its own (`lib/receipts/digest.ts`). */
  get digest(): string {
    return digestText(this.#digest);
  }

  /**
   * Switches to the table synchronously.
   * @param newest the newest revision in the table
   */
  switchTo(table: KeyTable, newest: number): TableDiff {
    this.newestRevision = Math.max(this.newestRevision, newest);
    const before = this.#table;
    if (table === before) return { ended: [], begun: [] };
    this.#digest = updateDigest(this.#digest, before, table);
    this.#table = table;
    for (const listener of this.#listeners) listener(table);
    return diffTables(before, table);
  }

  /** Resets the revisions, because revisions of different sessions or epochs cannot be compared. */
  restart(): void {
    this.newestRevision = 0;
    this.knownRevision = 0;
  }

  /** Drops all keys. Nothing is signed until the next full snapshot, whatever its revision is. */
  drop(): void {
    this.switchTo(KeyTable.EMPTY, 0);
    this.restart();
  }
}

/** Updates the digest incrementally: one hash for each row that was added or removed. */
function updateDigest(digest: TableDigest, from: KeyTable, to: KeyTable): TableDigest {
  let next = digest;
  for (const route of from.routes) if (!sameRow(route, to.route(route.publishId))) next = withoutRow(next, rowOf(route));
  for (const route of to.routes) if (!sameRow(route, from.route(route.publishId))) next = withRow(next, rowOf(route));
  return next;
}

/**
 * Compares two tables. A secret that signs for no publication any more ends for all publications (`publishId: null`), because a restored
 * backup may bind it to another publication.
 */
function diffTables(from: KeyTable, to: KeyTable): TableDiff {
  const gone = (table: KeyTable, other: KeyTable): UsedKey[] =>
    table.routes.flatMap((route) => {
      const there = other.route(route.publishId);
      if (there === route || !route.key || (there?.key && secretOf(there.key) === secretOf(route.key))) return [];
      return [{ signId: route.key.sign.sign_id, version: route.key.sign.version, publishId: route.publishId }];
    });
  const ended = gone(from, to);
  const left = new Set(ended.length === 0 ? [] : to.routes.flatMap(({ key }) => (key ? [secretOf(key)] : [])));
  return {
    ended: ended.map((each) => (left.has(`${each.signId} ${each.version}`) ? each : { ...each, publishId: null })),
    begun: gone(to, from),
  };
}

const secretOf = ({ sign }: NonNullable<Route['key']>) => `${sign.sign_id} ${sign.version}`;

const sameRow = (a: Route, b: Route | undefined): boolean =>
  a === b ||
  (b !== undefined &&
    a.key?.sign.sign_id === b.key?.sign.sign_id &&
    a.key?.sign.version === b.key?.sign.version &&
    a.pattern.environment === b.pattern.environment &&
    a.pattern.method === b.pattern.method &&
    a.pattern.template === b.pattern.template &&
    a.pattern.mode === b.pattern.mode);

const rowOf = ({ publishId, pattern, key }: Route): DigestRow => ({
  environment: pattern.environment,
  method: pattern.method,
  path: pattern.template,
  matchMode: pattern.mode,
  publishId,
  signId: key?.sign.sign_id ?? null,
  secretVersion: key?.sign.version ?? null,
});
