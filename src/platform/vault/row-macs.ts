import { createHmac, createSecretKey, type KeyObject, randomBytes, timingSafeEqual } from 'node:crypto';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { ApiFault } from '../common/api-error.js';
import { Clock } from '../common/clock.js';
import { newId } from '../common/ids.js';
import { Database } from '../database/database.js';
import type { Param, Rows, Tx } from '../database/tx.js';
import { columnsOf, type RowOf } from '../database/columns.js';
import { BrokenRows } from './broken-rows.js';
import { type Cells, cellsOf, type MacTable, MAC_TABLES, readCells, signedCells } from './mac-tables.js';
import { fromColumn, DecryptionFailed, type EncryptionContext, toColumn } from './sealed.js';
import { RELOAD_INTERVAL_MS, REFRESH_AFTER_MS, VaultService } from './vault.service.js';
import { IdentityKey } from './identity-key.entity.js';

/** Owner id of the identity keys. No project can have it (platform/common/ids.ts). */
const OWNER = 'iam';
/** Id of the first key. Every process that starts on an empty database tries to insert this row. */
const FIRST_ID = 'primary';
const UNIQUE_ID = { name: 'PRIMARY', columns: 'identity_keys.id' };
const VERIFIED_MAX = 20_000;

interface Keys {
  byId: ReadonlyMap<string, KeyObject>;
  newest: string;
  at: number;
}

const KEY = columnsOf(IdentityKey).pick('id', 'secret', 'createdAt');
type KeyRow = RowOf<typeof KEY>;

const contextOf = (id: string): EncryptionContext => ({
  projectId: OWNER,
  ownerId: '',
  field: 'identity_keys.secret',
  rowId: id,
  version: 1,
});
const SELECT = `SELECT ${KEY.select} FROM identity_keys ORDER BY created_at, id`;

/** Argument of {@link RowMacs.verified}: the table of each proof, or the column of the row that names the table. */
export type Proofs = Record<string, MacTable | { tableIn: string }>;

/**
 * HMACs over authorization rows. Their keys, the identity keys, are stored encrypted. So nobody can become an administrator by write access
 * to the database alone (docs/adr/0036).
 */
@Injectable()
export class RowMacs implements OnModuleInit {
  #keys: Keys | undefined;
  #readAt = 0;
  /** Verified MACs, with the cells as the database returned them, because every request reads the same rows. */
  readonly #verified = new LRUCache<string, string>({ max: VERIFIED_MAX });
  #refreshing = false;

  constructor(
    private readonly database: Database,
    private readonly vault: VaultService,
    private readonly broken: BrokenRows,
    private readonly clock: Clock,
  ) {}

  /** Loads the keys and creates the first one. */
  async onModuleInit(): Promise<void> {
    await this.vault.opened;
    if (!(await this.refresh())) {
      await this.insertKey(FIRST_ID);
      if (!(await this.refresh())) throw new Error('the identity key was inserted but cannot be found');
    }
  }

  /** Computes the value of a row's `mac`. @param row values by column; may contain columns that the MAC does not cover */
  of(table: MacTable, row: Readonly<Record<string, Param | boolean>>): string {
    const { newest } = this.keys;
    return `${newest}.${this.digest(newest, table, cellsOf(table, row)) ?? ''}`;
  }

  /**
   * Returns the rows whose MACs in `proofs` are valid. Other rows are logged, counted and left out.
   * @param reads the connection or transaction that has read the rows
   * @param proofs the table for each name that was passed to `proof()` (mac-tables.ts). Absent parts of an outer join are skipped
   * @throws ApiFault `unavailable` while this process does not know a key that another process has just created
   */
  async verified<T extends object>(reads: Rows, rows: readonly T[], proofs: Proofs): Promise<T[]> {
    const kept: T[] = [];
    for (const row of rows) {
      const read = row as Record<string, unknown>;
      // The cache usually contains the answer, and then there is no await.
      if (this.wasVerified(read, proofs) || (await this.verifyRow(reads, read, proofs))) kept.push(row);
    }
    return kept;
  }

  /** Returns the single row, if it exists and its MAC is valid. */
  async one<T extends object>(reads: Rows, rows: readonly T[], proofs: Proofs): Promise<T | undefined> {
    return (await this.verified(reads, rows.slice(0, 1), proofs))[0];
  }

  /** Inserts a row with its MAC. @param row values by column; may contain columns that the MAC does not cover */
  async insert(tx: Tx, table: MacTable, row: Readonly<Record<string, Param>>): Promise<void> {
    const whole = { ...row, mac: this.of(table, row) };
    const columns = Object.keys(whole);
    await tx.run(`INSERT INTO ${table} (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`, Object.values(whole));
  }

  /**
   * Updates a row whose MAC is valid.
   * @param key columns of the primary key, with their values
   * @param also a condition on the current values of the row, by column
   * @returns false when there is no such row, or when its MAC is invalid
   */
  async update(
    tx: Tx,
    table: MacTable,
    key: Record<string, string>,
    changes: Record<string, Param>,
    also: (before: Record<string, Param>) => boolean = () => true,
  ): Promise<boolean> {
    const where = Object.keys(key).map((column) => `${column} = ?`);
    const { columns } = MAC_TABLES[table];
    const sql = `SELECT ${columns.join(', ')}, mac FROM ${table} WHERE ${where.join(' AND ')}`;
    const [row] = await tx.rows<Record<string, Param> & { mac: string }>(sql, Object.values(key));
    if (!row || !(await this.verify(tx, table, cellsOf(table, row), row.mac)) || !also(row)) return false;
    const set = { ...changes, mac: this.of(table, { ...row, ...changes }) };
    await tx.run(
      `UPDATE ${table} SET ${Object.keys(set)
        .map((column) => `${column} = ?`)
        .join(', ')} WHERE ${where.join(' AND ')}`,
      [...Object.values(set), ...Object.values(key)],
    );
    return true;
  }

  /** Whether a row's MAC is valid. If it is not, the row is logged and counted. */
  async verify(reads: Rows, table: MacTable, cells: Cells, mac: string): Promise<boolean> {
    const keyId = mac.slice(0, Math.max(mac.indexOf('.'), 0));
    if (keyId !== '' && !this.keys.byId.has(keyId)) await this.loadUnknownKey(reads, table, cells, mac);
    const digest = this.digest(keyId, table, cells);
    const given = Buffer.from(mac.slice(keyId.length + 1));
    const genuine = digest !== undefined && given.length === digest.length && timingSafeEqual(given, Buffer.from(digest));
    if (!genuine) this.broken.record(table, nameOf(table, cells), 'its MAC is invalid', JSON.stringify([cells, mac]));
    return genuine;
  }

  /** Id of the key that signs new MACs. */
  get newest(): string {
    return this.keys.newest;
  }

  /** Returns the newest key with its time of creation (Unix time in milliseconds), and the ids of all others. */
  async stored(): Promise<{ newest: { id: string; createdAt: number } | undefined; older: string[] }> {
    const rows = await this.database.rows<KeyRow>(SELECT);
    const newest = rows.at(-1);
    return { newest, older: rows.slice(0, -1).map(({ id }) => id) };
  }

  /** Creates a key. This process uses it for new MACs from now on; another process uses it after it has read a row signed with it. */
  async rotate(): Promise<void> {
    await this.insertKey(newId());
    await this.refresh();
  }

  private get keys(): Keys {
    if (!this.#keys) throw new Error('the identity keys are not loaded yet');
    if (this.clock.now() - this.#keys.at >= REFRESH_AFTER_MS && !this.#refreshing) {
      this.#refreshing = true;
      // Reloads outside the caller's transaction. The loaded keys stay in use meanwhile.
      setImmediate(
        () =>
          void this.refresh()
            .catch(() => undefined)
            .finally(() => (this.#refreshing = false)),
      );
    }
    return this.#keys;
  }

  /** Whether all MACs of a row are in the cache of verified ones. If so, the proof columns are removed. */
  private wasVerified(row: Record<string, unknown>, proofs: Proofs): boolean {
    for (const [name, of] of Object.entries(proofs)) {
      const cells = row[`${name}Cells`];
      // An absent part of an outer join has a key of null.
      if (cells === null || (typeof cells === 'string' && cells.startsWith('[null'))) continue;
      const table = typeof of === 'string' ? of : (row[of.tableIn] as MacTable);
      if (typeof cells !== 'string' || this.#verified.get(String(row[`${name}Mac`])) !== table + cells) return false;
    }
    for (const name in proofs) {
      delete row[`${name}Cells`];
      delete row[`${name}Mac`];
    }
    return true;
  }

  private async verifyRow(reads: Rows, row: Record<string, unknown>, proofs: Proofs): Promise<boolean> {
    for (const [name, of] of Object.entries(proofs)) {
      const table = typeof of === 'string' ? of : (row[of.tableIn] as MacTable);
      const text = row[`${name}Cells`];
      const cells = readCells(text);
      const mac = row[`${name}Mac`];
      delete row[`${name}Cells`];
      delete row[`${name}Mac`];
      // An absent part of an outer join.
      if (!cells || cells[0] === null) continue;
      if (!(await this.verify(reads, table, cells, String(mac)))) return false;
      if (typeof text === 'string') this.#verified.set(String(mac), table + text);
    }
    return true;
  }

  private digest(keyId: string, table: MacTable, cells: Cells): string | undefined {
    const key = this.#keys?.byId.get(keyId);
    return (
      key &&
      createHmac('sha256', key)
        .update(JSON.stringify(['signet/1', 'row', table, ...signedCells(table, cells)]))
        .digest('base64url')
    );
  }

  /** Loads an unknown key, which another process may have created. Uses the same connection as the row, possibly inside a transaction. */
  private async loadUnknownKey(reads: Rows, table: MacTable, cells: Cells, mac: string): Promise<void> {
    if (this.broken.isKnown(table, nameOf(table, cells), JSON.stringify([cells, mac]))) return;
    const now = this.clock.now();
    if (now >= this.#readAt && now - this.#readAt < RELOAD_INTERVAL_MS) return;
    this.#readAt = now;
    const rows = await reads.rows<KeyRow>(SELECT);
    const box = this.vault.peek(OWNER);
    try {
      if (box) this.useKeys(rows, (row) => box.open(contextOf(row.id), fromColumn(row.secret)));
    } catch (error) {
      if (!(error instanceof DecryptionFailed)) throw error;
      setImmediate(() => void this.refresh().catch(() => undefined));
      throw new ApiFault('unavailable', { retryAfterSeconds: 1 });
    }
  }

  /** Loads the keys. Must not be called inside a transaction. @returns whether there is any */
  private async refresh(): Promise<boolean> {
    const rows = await this.database.rows<KeyRow>(SELECT);
    if (rows.length === 0) return false;
    const opened = await this.vault.openEach(
      OWNER,
      rows,
      (box, row) => box.open(contextOf(row.id), fromColumn(row.secret)),
      ({ secret }) => secret,
    );
    const secrets = new Map(rows.map((row, i) => [row.id, opened[i]]));
    const usable = rows.filter(({ id }) => secrets.get(id) !== undefined);
    if (usable.length === 0) throw new Error('no key in identity_keys can be decrypted, so no authorization row can be verified');
    this.useKeys(usable, ({ id }) => secrets.get(id) ?? '');
    return true;
  }

  private useKeys(rows: readonly KeyRow[], secretOf: (row: KeyRow) => string): void {
    const byId = new Map(rows.map((row) => [row.id, createSecretKey(Buffer.from(secretOf(row), 'base64'))] as const));
    const newest = rows.at(-1)?.id;
    if (newest !== undefined) this.#keys = { byId, newest, at: this.clock.now() };
    this.#verified.clear();
  }

  /** Inserts the key once. Several processes may create the first key at the same time: one row is inserted, and all processes read it. */
  private async insertKey(id: string): Promise<void> {
    const sealed = toColumn((await this.vault.cipher(OWNER)).seal(contextOf(id), randomBytes(32).toString('base64')));
    const values = () => KEY.values({ id, secret: sealed, createdAt: this.clock.now() });
    await this.database.insertOnce((tx) => tx.run(KEY.insert(), values()), UNIQUE_ID);
  }
}

/** Returns the row's primary key, for log messages. */
function nameOf(table: MacTable, cells: Cells): string {
  const { key, columns }: { key: readonly string[]; columns: readonly string[] } = MAC_TABLES[table];
  return key.map((column) => cells[columns.indexOf(column)] ?? '').join(' ');
}
