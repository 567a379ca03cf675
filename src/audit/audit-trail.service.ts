import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import type { AuditEvent } from './audit-event.entity.js';
import { BEGINNING, type ChainFault, missing, type Place, walkChain } from './chain-walk.js';
import { checkpointOf } from './checkpoint.js';
import { CHECKPOINTS } from './service-chains.js';

export interface Verification {
  chains: number;
  events: number;
  faults: ChainFault[];
}

/** A row's hash as it was noted outside of the database: a line of an export or of `signet audit heads`. */
export interface NotedHash extends Place {
  scopeId: string;
}

/** The last row of a chain whose gateway, and so whose counter, is gone. */
const GATEWAY_DELETED = 'DeleteInstance';

/** Proves the trail, or says which rows of it are not what was written. */
@Injectable()
export class AuditTrailService {
  constructor(private readonly database: Database) {}

  /**
   * Walks every chain from its first row, or from its last checkpoint. A row that was changed, dropped or moved breaks a hash or
   * leaves a gap; a tail that was cut off is behind the scope's counter, or behind the deletion of a gateway that is gone; a head
   * that was cut off has no checkpoint.
   * @param noted hashes kept elsewhere: they show a chain that somebody who can write the database has made anew
   */
  async verify(noted: readonly NotedHash[] = []): Promise<Verification> {
    // The counters first: rows written meanwhile are then ahead of them, never behind.
    const revisions = await this.revisions();
    const scopes = await this.database.rows<{ scopeId: string }>('SELECT DISTINCT scope_id AS scopeId FROM audit_events');
    const expected = byScope(noted);
    const starts = new Map<string, Place>();
    const deleted = new Set<string>();
    const noteStart = (event: AuditEvent) => {
      const checkpoint = checkpointOf(event);
      if (checkpoint) starts.set(checkpoint.scopeId, checkpoint.place);
    };
    const result: Verification = { chains: 0, events: 0, faults: [] };
    // Where the others begin stands in the chain of checkpoints. A gateway that was deleted is known to its project's chain.
    const all = new Set([CHECKPOINTS, ...scopes.map(({ scopeId }) => scopeId), ...revisions.keys()]);
    for (const scopeId of all) {
      const start = starts.get(scopeId) ?? BEGINNING;
      const wanted = expected.get(scopeId);
      const { last, events, faults } = await walkChain(this.database, scopeId, start, (event) => {
        if (scopeId === CHECKPOINTS) noteStart(event);
        if (event.action === GATEWAY_DELETED) deleted.add(event.resourceId);
        const hash = wanted?.get(event.seq);
        wanted?.delete(event.seq);
        if (hash !== undefined && hash !== event.hash) result.faults.push({ scopeId, seq: event.seq, fault: 'rewritten' });
      });
      result.faults.push(...faults, ...(await this.end(scopeId, last, revisions.get(scopeId))));
      result.events += events;
      result.chains++;
    }
    for (const scopeId of deleted) if (!all.has(scopeId) && !(await this.hasRows(scopeId))) result.faults.push(missing(scopeId, 1, 1));
    for (const [scopeId, left] of expected)
      for (const seq of left.keys()) if (seq > (starts.get(scopeId)?.seq ?? 0)) result.faults.push(missing(scopeId, seq, seq));
    return result;
  }

  /** The newest row of each chain: keep it elsewhere, and {@link verify} against it. */
  async heads(): Promise<NotedHash[]> {
    return this.database.rows<NotedHash>(
      `SELECT e.scope_id AS scopeId, e.seq, e.hash FROM audit_events e
       JOIN (SELECT scope_id, MAX(seq) AS seq FROM audit_events GROUP BY scope_id) h ON h.scope_id = e.scope_id AND h.seq = e.seq ORDER BY e.scope_id`,
    );
  }

  private async end(scopeId: string, last: Place & { action: string }, revision: number | undefined): Promise<ChainFault[]> {
    const end = revision ?? (last.action === GATEWAY_DELETED ? last.seq : last.seq + 1);
    if (last.seq < end) return [missing(scopeId, last.seq + 1, end)];
    if (revision === undefined || last.seq === revision) return [];
    const now = (await this.revisions(scopeId)).get(scopeId);
    return now !== undefined && last.seq > now ? [{ scopeId, seq: last.seq, fault: 'surplus' }] : [];
  }

  /** A gateway may be made and deleted while the walk goes on. */
  private async hasRows(scopeId: string): Promise<boolean> {
    return (await this.database.rows('SELECT 1 AS one FROM audit_events WHERE scope_id = ? LIMIT 1', [scopeId])).length > 0;
  }

  private async revisions(scopeId?: string): Promise<Map<string, number>> {
    const rows = await this.database.rows<{ scopeId: string; revision: number }>(
      `SELECT scope_id AS scopeId, revision FROM change_counters${scopeId === undefined ? '' : ' WHERE scope_id = ?'}`,
      scopeId === undefined ? [] : [scopeId],
    );
    return new Map(rows.map((row) => [row.scopeId, Number(row.revision)]));
  }
}

function byScope(noted: readonly NotedHash[]): Map<string, Map<number, string>> {
  const scopes = new Map<string, Map<number, string>>();
  for (const { scopeId, seq, hash } of noted) {
    const places = scopes.get(scopeId) ?? new Map<number, string>();
    scopes.set(scopeId, places.set(seq, hash));
  }
  return scopes;
}
