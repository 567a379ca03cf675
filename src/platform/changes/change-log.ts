import { Injectable } from '@nestjs/common';
import type { Scope } from '../common/scope.js';
import { Database } from '../database/database.js';
import { chunks, placeholders } from '../database/tx.js';
import { columnsOf, type RowOf } from '../database/columns.js';
import { Pulse } from '../recovery/pulse.js';
import type { ChangeOp } from './change.entity.js';
import { Change, ChangeCounter } from './change.entity.js';

const COUNTER = columnsOf(ChangeCounter).pick('scopeId', 'revision');
const LOGGED = columnsOf(Change).pick('revision', 'kind', 'targetId', 'op');

/** One of the changes of a revision. */
export interface LoggedChange {
  revision: number;
  kind: string;
  targetId: string;
  op: ChangeOp;
}

/** Reads the change log. */
@Injectable()
export class ChangeLog {
  constructor(
    private readonly database: Database,
    private readonly pulse: Pulse,
  ) {}

  /** Returns the current revision of each existing scope of a kind, by scope id. */
  async revisions(kind: Scope['kind'], ids: readonly string[]): Promise<Map<string, number>> {
    const found = new Map<string, number>();
    for (const part of chunks(ids)) {
      const sql = `SELECT ${COUNTER.select} FROM change_counters
        WHERE scope_kind = ? AND scope_id IN (${placeholders(part)})`;
      for (const row of await this.database.rows<RowOf<typeof COUNTER>>(sql, [kind, ...part])) found.set(row.scopeId, row.revision);
    }
    return found;
  }

  /**
   * Returns the changes of the revisions above `after`, up to `to`, in order. Without a restore in between, every revision is included.
   * After a restore, revisions of the replaced history are missing.
   * @param to inclusive
   */
  range(scopeId: string, after: number, to: number): Promise<LoggedChange[]> {
    const { sql: standing, params } = this.pulse.standing;
    const sql = `SELECT ${LOGGED.select} FROM changes WHERE scope_id = ? AND revision > ? AND revision <= ?
      AND ${standing} ORDER BY revision, ordinal`;
    return this.database.rows<LoggedChange>(sql, [scopeId, after, to, ...params]);
  }
}
