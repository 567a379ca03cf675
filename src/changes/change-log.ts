import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { chunks, placeholders } from '../database/tx.js';
import type { ChangeOp } from './change.entity.js';

/** One thing that changed at a revision. */
export interface LoggedChange {
  revision: number;
  kind: string;
  targetId: string;
  op: ChangeOp;
}

/** The change log, read. */
@Injectable()
export class ChangeLog {
  constructor(private readonly database: Database) {}

  /** The revision of each scope that is there. */
  async revisions(scopeIds: readonly string[]): Promise<Map<string, number>> {
    const found = new Map<string, number>();
    for (const part of chunks(scopeIds)) {
      const sql = `SELECT scope_id AS scopeId, revision FROM change_counters WHERE scope_id IN (${placeholders(part)})`;
      for (const row of await this.database.rows<{ scopeId: string; revision: number }>(sql, part)) found.set(row.scopeId, row.revision);
    }
    return found;
  }

  /**
   * Changes after one revision and up to another, in order. Where the log is whole, every revision in between is there.
   * @param to inclusive
   */
  range(scopeId: string, after: number, to: number): Promise<LoggedChange[]> {
    const sql = `SELECT revision, kind, target_id AS targetId, op FROM changes WHERE scope_id = ? AND revision > ? AND revision <= ?
      ORDER BY revision, ordinal`;
    return this.database.rows<LoggedChange>(sql, [scopeId, after, to]);
  }
}
