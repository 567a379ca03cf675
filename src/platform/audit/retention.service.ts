import { Injectable } from '@nestjs/common';
import { Clock } from '../common/clock.js';
import type { Caller } from '../common/principal.js';
import { Database } from '../database/database.js';
import type { AuditEvent } from './audit-event.entity.js';
import { SELECT_EVENTS } from './chain.js';
import { ChainHeads, serviceCaller } from './chain-heads.service.js';
import { BEGINNING, type ChainFault, type Place, walkChain } from './chain-walk.js';
import { type Checkpoint, checkpointOf, PRUNE } from './checkpoint.js';
import { append, CHECKPOINTS } from './service-chains.js';

/** Result of pruning one chain. */
export interface Pruned {
  scopeId: string;
  /** Number of removed rows. */
  events: number;
  /** Faults for which the chain was not pruned. */
  faults: ChainFault[];
}

const BATCH = 1000;

/**
 * Prunes old rows and keeps chains verifiable. First a checkpoint, itself a row of a chain, stores the number and the hash of the last row
 * to delete; then the rows are deleted. The next run completes an interrupted one. The newest row of every chain stays, because the next
 * write needs its hash.
 */
@Injectable()
export class RetentionService {
  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
    private readonly heads: ChainHeads,
  ) {}

  /**
   * Prunes every chain except the chain of checkpoints: deletes the rows before the first row that is not older than `before`.
   * @param before Unix time in milliseconds
   */
  async prune(before: number, caller: Caller): Promise<Pruned[]> {
    const scopes = await this.database.rows<{ scopeId: string }>(
      'SELECT DISTINCT scope_id AS scopeId FROM audit_events WHERE created_at < ? AND scope_id <> ?',
      [before, CHECKPOINTS],
    );
    const pruned: Pruned[] = [];
    for (const { scopeId } of scopes) {
      // Pruning a project's chain deletes the heads recorded in it, so they are recorded again first.
      await this.heads.recordOf(scopeId);
      const [span] = await this.database.rows<{ last: number; young: number | null }>(
        'SELECT MAX(seq) AS last, MIN(CASE WHEN created_at >= ? THEN seq END) AS young FROM audit_events WHERE scope_id = ?',
        [before, scopeId],
      );
      if (!span) continue;
      const result = await this.cut(scopeId, Math.min(Number(span.young ?? span.last), Number(span.last)) - 1, caller);
      if (result) pruned.push(result);
    }
    return pruned;
  }

  /** Prunes one of the service's own chains to its newest rows. */
  async pruneTo(scopeId: string, rows: number): Promise<void> {
    const [head] = await this.database.rows<{ last: number }>('SELECT MAX(seq) AS last FROM audit_events WHERE scope_id = ?', [scopeId]);
    await this.cut(scopeId, Number(head?.last ?? 0) - Math.max(rows, 1), serviceCaller());
  }

  /**
   * @param through number of the last row to delete
   * @returns undefined when there is nothing to delete
   */
  private async cut(scopeId: string, through: number, caller: Caller): Promise<Pruned | undefined> {
    const start = await this.start(scopeId);
    if (through > start.seq) {
      // Faulty rows are evidence: they are not deleted, and neither are the rows after them.
      const { last, faults } = await walkChain(this.database, scopeId, start, undefined, through);
      if (last.seq !== through) faults.push({ scopeId, seq: last.seq + 1, through, fault: 'missing' });
      if (faults.length > 0) return { scopeId, events: 0, faults };
      await this.writeCheckpoint(scopeId, { seq: through, hash: last.hash, events: through - start.seq }, caller);
    }
    const cutAt = Math.max(through, start.seq);
    const events = await this.deleteThrough(scopeId, cutAt);
    return events > 0 ? { scopeId, events, faults: [] } : undefined;
  }

  private async start(scopeId: string): Promise<Place> {
    const [row] = await this.database.rows<AuditEvent>(
      `${SELECT_EVENTS} WHERE scope_id = ? AND resource_id = ? ORDER BY seq DESC LIMIT 1`,
      [CHECKPOINTS, scopeId],
    );
    return (row && checkpointOf(row)?.place) ?? BEGINNING;
  }

  private async writeCheckpoint(scopeId: string, checkpoint: Checkpoint, { principal, requestId, sourceAddress }: Caller): Promise<void> {
    const [owner] = await this.database.rows<{ projectId: string }>(
      'SELECT project_id AS projectId FROM audit_events WHERE scope_id = ? AND seq = ?',
      [scopeId, checkpoint.seq],
    );
    await this.database.transaction((tx) =>
      append(tx, CHECKPOINTS, [
        {
          projectId: owner?.projectId ?? '',
          action: PRUNE,
          resourceType: 'AuditChain',
          resourceId: scopeId,
          resourceName: null,
          detail: JSON.stringify(checkpoint),
          userId: principal.userId,
          userName: principal.userName,
          accessKeyId: principal.accessKeyId ?? null,
          credentialHash: principal.credentialHash,
          sourceAddress,
          requestId,
          createdAt: this.clock.now(),
        },
      ]),
    );
  }

  private async deleteThrough(scopeId: string, through: number): Promise<number> {
    const [first] = await this.database.rows<{ seq: number | null }>('SELECT MIN(seq) AS seq FROM audit_events WHERE scope_id = ?', [
      scopeId,
    ]);
    let deleted = 0;
    for (let from = Number(first?.seq ?? through + 1); from <= through; from += BATCH) {
      const to = Math.min(from + BATCH - 1, through);
      const { affected } = await this.database.transaction((tx) =>
        tx.run('DELETE FROM audit_events WHERE scope_id = ? AND seq >= ? AND seq <= ?', [scopeId, from, to]),
      );
      deleted += affected;
    }
    return deleted;
  }
}
