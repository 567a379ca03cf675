import { Injectable } from '@nestjs/common';
import { Clock } from '../common/clock.js';
import { CommitOutcomeUnknown, Database, type Tx } from '../database/database.js';
import type { Param } from '../database/tx.js';
import { DATA_KEY_COLUMNS, type DataKeyRow, SEALED_ELSEWHERE_MAX_MS, wrapContext } from './data-keys.js';
import { fromColumn, SealBroken, toColumn } from './sealed.js';
import { countSecrets, SEALED_COLUMNS, type SealedColumn, type SealedRow, selectSealed, toSealedRow } from './sealed-columns.js';
import { DATA_KEY_HELD_MS, VaultService } from './vault.service.js';

const BATCH = 100;
/** Others may seal with the data key before, or move a sealed text from row to row, while a pass goes by. */
const PASSES_MAX = 3;
/** After this long no process seals with a superseded data key, and nothing sealed under it is anywhere but in the database. */
export const UNUSED_FOR_MS = SEALED_ELSEWHERE_MAX_MS + DATA_KEY_HELD_MS;

export type RewrapStep = 'data-keys' | 'secrets';

export interface RewrapProgress {
  step: RewrapStep;
  done: number;
  total: number;
}

export interface RewrapOptions {
  /** Gives every project a new data key, and seals every secret again under it. */
  reseal: boolean;
  /** A project whose newest data key is younger keeps it, so that an interrupted run goes on and does not begin again. */
  keyAgeMs: number;
  onProgress?: (progress: RewrapProgress) => void;
}

export interface RewrapResult {
  /** Data keys wrapped again, under the newest key-encryption key. */
  rewrapped: number;
  /** Data keys made. */
  rotated: number;
  /** Secrets sealed again. */
  resealed: number;
  /** Secrets that are sealed under an older data key all the same: other processes seal with it for up to an hour. */
  left: number;
  /** Older data keys destroyed: nothing has been sealed under them for 25 hours. */
  destroyed: number;
  /** `table.column` and key of every secret that does not open where it stands. */
  broken: string[];
}

/**
 * Brings what is sealed under the newest keys, beside running processes. Where it is shows in the rows themselves: it may be
 * killed and run again, or run twice at once. A row is changed only if it is as it was read, so no write of anybody is undone.
 */
@Injectable()
export class RewrapService {
  constructor(
    private readonly database: Database,
    private readonly vault: VaultService,
    private readonly clock: Clock,
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
    await this.noteUse();
    for (let pass = 1; pass <= PASSES_MAX; pass++) {
      await this.sealAgain(result, onProgress);
      result.left = await this.retireDataKeys(result);
      if (result.left === 0) break;
    }
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
        const { rootId, wrapped } = await providers.primary.wrap(bytes, context).finally(() => bytes.fill(0));
        const sql = 'UPDATE data_keys SET root_id = ?, wrapped = ? WHERE project_id = ? AND id = ? AND wrapped = ?';
        result.rewrapped += await this.change((tx) => tx.run(sql, [rootId, wrapped, row.projectId, row.id, row.wrapped]));
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
      // What this process held of the project may be older than what others have made.
      this.vault.forget(projectId);
      if (this.clock.now() - createdAt < keyAgeMs) continue;
      if (await this.vault.rotate(projectId, newest)) result.rotated++;
    }
  }

  /** One pass over every sealed column. */
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
   * Past ChangesService, on purpose: no revision moves, since nothing that anybody sees has changed, and pages that others keep go
   * on being right: they hold the sealed text from before, and the data key from before opens it (docs/adr/0012, 0023).
   */
  private async sealRowAgain(column: SealedColumn, { key, place, sealed }: SealedRow, result: RewrapResult): Promise<void> {
    let again: string | undefined;
    try {
      again = await this.vault.withBox(place.projectId, (box) => {
        const secret = box.open(place, fromColumn(sealed));
        return box.stale(fromColumn(sealed)) ? toColumn(box.seal(place, secret)) : undefined;
      });
    } catch (error) {
      if (!(error instanceof SealBroken)) throw error;
      result.broken.push(`${column.table}.${column.column} ${key.join(' ')}`);
      return;
    }
    if (again === undefined) return;
    const where = column.key.map((part) => `${part} = ?`).join(' AND ');
    const sql = `UPDATE ${column.table} SET ${column.column} = ? WHERE ${where} AND ${column.column} = ?`;
    const values: Param[] = [again, ...key, sealed];
    result.resealed += await this.change((tx) => tx.run(sql, values));
  }

  /** Before secrets are sealed again: what is under a superseded data key now counts as use of it, until 25 hours after. */
  private async noteUse(): Promise<void> {
    for (const { projectId, id, secrets, unusedSince } of await this.superseded()) {
      if (secrets === 0 || unusedSince === null) continue;
      await this.change((tx) => tx.run('UPDATE data_keys SET unused_since = NULL WHERE project_id = ? AND id = ?', [projectId, id]));
    }
  }

  /**
   * Notes which superseded data keys nothing is sealed under, and destroys those of which that was noted 25 hours ago: other
   * processes, writes under way and security tokens still use them until then.
   * @returns how many secrets are under superseded keys
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

  /** Data keys that a newer one of their project has superseded, and the secrets under them, as of one moment. */
  private async superseded(): Promise<{ projectId: string; id: number; unusedSince: number | null; secrets: number }[]> {
    return this.database.snapshot(async (reads) => {
      const keys = await reads.rows<{ projectId: string; id: number; unusedSince: number | null }>(
        'SELECT project_id AS projectId, id, unused_since AS unusedSince FROM data_keys ORDER BY project_id, id',
      );
      const counts = await countSecrets(reads);
      return keys
        .filter(({ projectId }, i) => keys[i + 1]?.projectId === projectId)
        .map((key) => ({ ...key, secrets: counts.get(key.projectId)?.get(key.id) ?? 0 }));
    });
  }

  /** One row in a transaction of its own, so that nobody waits for this. A COMMIT without an answer counts as not done: it is looked at again. */
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
