import { Injectable } from '@nestjs/common';
import { Clock } from '../common/clock.js';
import { CommitOutcomeUnknown, Database, type Tx } from '../database/database.js';
import type { Param } from '../database/tx.js';
import { columnsOf, type RowOf } from '../database/columns.js';
import { DATA_KEY_COLUMNS, type DataKeyRow, SEALED_ELSEWHERE_MAX_MS, wrapContext } from './data-keys.js';
import { type MacRotation, RowMacRotation } from './row-mac-rotation.js';
import { fromColumn, DecryptionFailed, toColumn } from './sealed.js';
import { countSecrets, SEALED_COLUMNS, type SealedColumn, type SealedRow, selectSealed, toSealedRow } from './sealed-columns.js';
import { DATA_KEY_MAX_AGE_MS, VaultService } from './vault.service.js';
import { DataKey } from './data-key.entity.js';

const DATA_KEY = columnsOf(DataKey).pick('projectId', 'id', 'unusedSince');

const BATCH = 100;
/**
 * Maximum number of passes. Several are needed, because other processes may still encrypt with the previous data key, or move an encrypted
 * value between rows, during a pass.
 */
const PASSES_MAX = 3;
/** After this time, no process encrypts with a superseded data key any more, and no value that it encrypted exists outside the database. */
export const UNUSED_FOR_MS = SEALED_ELSEWHERE_MAX_MS + DATA_KEY_MAX_AGE_MS;

export type RewrapStep = 'data-keys' | 'secrets';

export interface RewrapProgress {
  step: RewrapStep;
  done: number;
  total: number;
}

export interface RewrapOptions {
  /** Gives every project a new data key and re-encrypts every secret with it. */
  reseal: boolean;
  /** A newest data key younger than this is not rotated again, so that an interrupted run can continue. */
  keyAgeMs: number;
  onProgress?: (progress: RewrapProgress) => void;
}

export interface RewrapResult {
  /** Number of data keys that were wrapped again with the newest key-encryption key. */
  rewrapped: number;
  /** Number of new data keys. */
  rotated: number;
  /** Number of secrets that were encrypted again. */
  resealed: number;
  /** Number of secrets that are still encrypted with an older data key, which other processes may use for up to an hour. */
  left: number;
  /** Number of destroyed data keys, which had been unused for 25 hours. */
  destroyed: number;
  /** `table.column` and primary key of every secret that cannot be decrypted. */
  broken: string[];
  /** The rotation of the identity keys, and of the MACs that they sign. Absent without `reseal`. */
  macs?: MacRotation;
}

/**
 * Rewraps data keys and encrypts secrets again while the service runs. The rows themselves record the progress, so a run may be
 * interrupted, repeated or started twice at the same time. Every update is a compare-and-set, so it never overwrites a concurrent write.
 */
@Injectable()
export class RewrapService {
  constructor(
    private readonly database: Database,
    private readonly vault: VaultService,
    private readonly clock: Clock,
    private readonly macs: RowMacRotation,
  ) {}

  async run({ reseal, keyAgeMs, onProgress = () => undefined }: RewrapOptions): Promise<RewrapResult> {
    const result: RewrapResult = { rewrapped: 0, rotated: 0, resealed: 0, left: 0, destroyed: 0, broken: [] };
    await this.vault.providers.primary.health();
    await this.rewrapDataKeys(result, onProgress);
    if (!reseal) {
      result.left = await this.retireDataKeys(result);
      return result;
    }
    await this.rotateDataKeys(result, keyAgeMs);
    await this.recordUse();
    for (let pass = 1; pass <= PASSES_MAX; pass++) {
      await this.sealAgain(result, onProgress);
      result.left = await this.retireDataKeys(result);
      if (result.left === 0) break;
    }
    result.macs = await this.macs.run(keyAgeMs, UNUSED_FOR_MS);
    return result;
  }

  private async rewrapDataKeys(result: RewrapResult, onProgress: (progress: RewrapProgress) => void): Promise<void> {
    const { providers } = this.vault;
    const total = await this.count('data_keys');
    let last: DataKeyRow | undefined;
    for (let done = 0; ; ) {
      const rows: DataKeyRow[] = await this.database.rows<DataKeyRow>(
        `SELECT ${DATA_KEY_COLUMNS} FROM data_keys ${last ? 'WHERE (project_id, id) > (?, ?)' : ''} ORDER BY project_id, id LIMIT ${BATCH}`,
        last ? [last.projectId, last.id] : [],
      );
      for (const row of rows.filter((each) => providers.stale(each))) {
        const context = wrapContext(row.projectId, row.id);
        const bytes = await providers.unwrap(row, context);
        const { kekId, wrapped } = await providers.primary.wrap(bytes, context).finally(() => bytes.fill(0));
        const sql = 'UPDATE data_keys SET root_id = ?, wrapped = ? WHERE project_id = ? AND id = ? AND wrapped = ?';
        result.rewrapped += await this.change((tx) => tx.run(sql, [kekId, wrapped, row.projectId, row.id, row.wrapped]));
      }
      done += rows.length;
      onProgress({ step: 'data-keys', done, total: Math.max(done, total) });
      last = rows.at(-1);
      if (rows.length < BATCH) return;
    }
  }

  private async rotateDataKeys(result: RewrapResult, keyAgeMs: number): Promise<void> {
    const sql = 'SELECT project_id AS projectId, MAX(id) AS newest, MAX(created_at) AS createdAt FROM data_keys GROUP BY project_id';
    const projects = await this.database.rows<{ projectId: string; newest: number; createdAt: number }>(sql);
    for (const { projectId, newest, createdAt } of projects) {
      // Another process may have created data keys that are newer than the cached ones.
      this.vault.forget(projectId);
      if (this.clock.now() - createdAt < keyAgeMs) continue;
      if (await this.vault.rotate(projectId, newest)) result.rotated++;
    }
  }

  /** Makes one pass over all encrypted columns. */
  private async sealAgain(result: RewrapResult, onProgress: (progress: RewrapProgress) => void): Promise<void> {
    let total = 0;
    for (const { table } of SEALED_COLUMNS) total += await this.count(table);
    let done = 0;
    result.broken = [];
    for (const column of SEALED_COLUMNS) {
      let last: SealedRow['key'] | undefined;
      for (;;) {
        const rows: Record<string, string | number | null>[] = await this.database.rows(
          selectSealed(column, last !== undefined, BATCH),
          last,
        );
        for (const row of rows) {
          const read = toSealedRow(column, row);
          if (read) await this.sealRowAgain(column, read, result);
        }
        const end = rows.at(-1);
        last = end && column.key.map((_, i) => end[`key${i}`] as string | number);
        done += rows.length;
        onProgress({ step: 'secrets', done, total: Math.max(done, total) });
        if (rows.length < BATCH) break;
      }
    }
  }

  /**
   * Encrypts one secret again. Does not use ChangesService, because the secret stays the same and no revision may change. Rows that are
   * cached elsewhere contain the previous ciphertext, which the previous data key can still decrypt (docs/adr/0012, 0023).
   */
  private async sealRowAgain(column: SealedColumn, { key, context, sealed }: SealedRow, result: RewrapResult): Promise<void> {
    let again: string | undefined;
    try {
      again = await this.vault.withCipher(context.projectId, (box) => {
        const secret = box.open(context, fromColumn(sealed));
        return box.stale(fromColumn(sealed)) ? toColumn(box.seal(context, secret)) : undefined;
      });
    } catch (error) {
      if (!(error instanceof DecryptionFailed)) throw error;
      result.broken.push(`${column.table}.${column.column} ${key.join(' ')}`);
      return;
    }
    if (again === undefined) return;
    const where = column.key.map((part) => `${part} = ?`).join(' AND ');
    const sql = `UPDATE ${column.table} SET ${column.column} = ? WHERE ${where} AND ${column.column} = ?`;
    const values: Param[] = [again, ...key, sealed];
    result.resealed += await this.change((tx) => tx.run(sql, values));
  }

  /**
   * Marks superseded data keys that still encrypt secrets as in use, so that they are kept for 25 hours from now. Runs before the secrets
   * are encrypted again.
   */
  private async recordUse(): Promise<void> {
    for (const { projectId, id, secrets, unusedSince } of await this.superseded()) {
      if (secrets === 0 || unusedSince === null) continue;
      await this.change((tx) => tx.run('UPDATE data_keys SET unused_since = NULL WHERE project_id = ? AND id = ?', [projectId, id]));
    }
  }

  /**
   * Marks superseded data keys as unused, and destroys those that were marked 25 hours ago. Until then, other processes, running writes and
   * security tokens may use them.
   * @returns the number of secrets under superseded keys
   */
  private async retireDataKeys(result: RewrapResult): Promise<number> {
    let left = 0;
    const now = this.clock.now();
    for (const { projectId, id, secrets, unusedSince } of await this.superseded()) {
      left += secrets;
      if (secrets > 0 || result.broken.length > 0) continue;
      if (unusedSince === null) {
        const sql = 'UPDATE data_keys SET unused_since = ? WHERE project_id = ? AND id = ? AND unused_since IS NULL';
        await this.change((tx) => tx.run(sql, [now, projectId, id]));
      } else if (now - unusedSince >= UNUSED_FOR_MS) {
        const sql = 'DELETE FROM data_keys WHERE project_id = ? AND id = ? AND unused_since = ?';
        result.destroyed += await this.change((tx) => tx.run(sql, [projectId, id, unusedSince]));
        this.vault.forget(projectId);
      }
    }
    return left;
  }

  /** Returns the superseded data keys with the number of secrets that each encrypts, in one snapshot. */
  private async superseded(): Promise<{ projectId: string; id: number; unusedSince: number | null; secrets: number }[]> {
    return this.database.snapshot(async (reads) => {
      const keys = await reads.rows<RowOf<typeof DATA_KEY>>(`SELECT ${DATA_KEY.select} FROM data_keys ORDER BY project_id, id`);
      const counts = await countSecrets(reads);
      return keys
        .filter(({ projectId }, i) => keys[i + 1]?.projectId === projectId)
        .map((key) => ({ ...key, secrets: counts.get(key.projectId)?.get(key.id) ?? 0 }));
    });
  }

  /**
   * Writes one row per transaction, so that other writes wait only briefly. A COMMIT without an answer counts as not done: the next pass
   * checks the row again.
   */
  private async change(statement: (tx: Tx) => Promise<{ affected: number }>): Promise<number> {
    try {
      return (await this.database.transaction(statement)).affected;
    } catch (error) {
      if (error instanceof CommitOutcomeUnknown) return 0;
      throw error;
    }
  }

  private async count(table: string): Promise<number> {
    const [row] = await this.database.rows<{ count: number }>(`SELECT COUNT(*) AS count FROM ${table}`);
    return row?.count ?? 0;
  }
}
