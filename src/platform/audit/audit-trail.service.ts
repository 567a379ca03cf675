import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { columnsOf, type RowOf } from '../database/columns.js';
import { AuditEvent } from './audit-event.entity.js';
import { headIn } from './chain-heads.service.js';
import { SELECT_EVENTS } from './chain.js';
import { BEGINNING, type ChainFault, missing, type Place, walkChain } from './chain-walk.js';
import { checkpointOf } from './checkpoint.js';
import { CHECKPOINTS } from './service-chains.js';
import { ChangeCounter } from '../changes/change.entity.js';

const SCOPE = columnsOf(AuditEvent).pick('scopeId');
const HEAD = columnsOf(AuditEvent, 'e').pick('scopeId', 'seq', 'hash');
const COUNTER = columnsOf(ChangeCounter).pick('scopeId', 'revision');

export interface Verification {
  chains: number;
  events: number;
  faults: ChainFault[];
}

/** A row's hash that is stored outside the database: a line of an export or of the output of `signet admin audit heads`. */
export interface RecordedHash extends Place {
  scopeId: string;
}

/** Actions that are recorded in a project's chain when another chain begins. */
const CREATED = ['CreateInstance', 'CreateWebhookEndpoint'];
/** The action recorded last in a gateway's chain: the deletion of the gateway also deletes its counter. */
const GATEWAY_DELETED = 'DeleteInstance';

/** Verifies the trail and names the rows that were altered. */
@Injectable()
export class AuditTrailService {
  constructor(private readonly database: Database) {}

  /**
   * Checks every chain from its first row, or from its last checkpoint. A changed, removed or moved row breaks a hash or leaves a gap. A
   * chain that was truncated at its end is shorter than its scope's counter says, or lacks the deletion of its gateway. A chain that was
   * truncated at its start has no checkpoint. A chain that was removed together with its counter is still named in its project's chain.
   * @param noted hashes stored outside the database: they reveal a chain that somebody with write access to the database rebuilt
   */
  async verify(noted: readonly RecordedHash[] = []): Promise<Verification> {
    // Reads the counters first: a row written meanwhile then has a number above its counter, never below.
    const revisions = await this.revisions();
    const scopes = await this.database.rows<RowOf<typeof SCOPE>>(`SELECT DISTINCT ${SCOPE.select} FROM audit_events`);
    const expected = byScope(noted);
    const starts = new Map<string, Place>();
    const deleted = new Set<string>();
    const created = new Set<string>();
    const recorded: RecordedHash[] = [];
    const noteStart = (event: AuditEvent) => {
      const checkpoint = checkpointOf(event);
      if (checkpoint) starts.set(checkpoint.scopeId, checkpoint.place);
    };
    const result: Verification = { chains: 0, events: 0, faults: [] };
    // The chain of checkpoints records the starts of the other chains. A project's chain records its deleted gateways.
    const all = new Set([CHECKPOINTS, ...scopes.map(({ scopeId }) => scopeId), ...revisions.keys()]);
    for (const scopeId of all) {
      const start = starts.get(scopeId) ?? BEGINNING;
      const wanted = expected.get(scopeId);
      const { last, events, faults } = await walkChain(this.database, scopeId, start, (event) => {
        if (scopeId === CHECKPOINTS) noteStart(event);
        if (event.action === GATEWAY_DELETED) deleted.add(event.resourceId);
        if (CREATED.includes(event.action) && event.scopeId === event.projectId) created.add(event.resourceId);
        const head = event.scopeId === event.projectId ? headIn(event) : undefined;
        if (head) recorded.push({ scopeId: head.scopeId, ...head.place });
        const hash = wanted?.get(event.seq);
        wanted?.delete(event.seq);
        if (hash !== undefined && hash !== event.hash) result.faults.push({ scopeId, seq: event.seq, fault: 'rewritten' });
      });
      result.faults.push(...faults, ...(await this.end(scopeId, last, revisions.get(scopeId))));
      result.events += events;
      result.chains++;
    }
    for (const scopeId of new Set([...deleted, ...created]))
      if (!all.has(scopeId) && !(await this.isThere(scopeId))) result.faults.push(missing(scopeId, 1, 1));
    const faulty = new Set(result.faults.map(({ scopeId }) => scopeId));
    for (const head of recorded) if (!faulty.has(head.scopeId)) result.faults.push(...(await this.compare(head)));
    for (const [scopeId, left] of expected)
      for (const seq of left.keys()) if (seq > (starts.get(scopeId)?.seq ?? 0)) result.faults.push(missing(scopeId, seq, seq));
    return result;
  }

  /** The newest row of each chain, to store elsewhere and pass to {@link verify}. */
  async heads(): Promise<RecordedHash[]> {
    return this.database.rows<RecordedHash>(
      `SELECT ${HEAD.select} FROM audit_events e
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

  /** A gateway may be created or deleted during the check; a new gateway has a counter but no rows. */
  private async isThere(scopeId: string): Promise<boolean> {
    const sql = `SELECT 1 AS one FROM audit_events WHERE scope_id = ?
      UNION ALL SELECT 1 FROM change_counters WHERE scope_id = ? LIMIT 1`;
    return (await this.database.rows(sql, [scopeId, scopeId])).length > 0;
  }

  /** Whether the row to which a project's chain refers exists in the gateway's chain, or was pruned with a checkpoint. */
  private async compare({ scopeId, seq, hash }: RecordedHash): Promise<ChainFault[]> {
    const [row] = await this.database.rows<{ hash: string }>('SELECT hash FROM audit_events WHERE scope_id = ? AND seq = ?', [
      scopeId,
      seq,
    ]);
    if (row) return row.hash === hash ? [] : [{ scopeId, seq, fault: 'rewritten' }];
    const sql = `${SELECT_EVENTS} WHERE scope_id = ? AND resource_id = ? ORDER BY seq DESC LIMIT 1`;
    const [cut] = await this.database.rows<AuditEvent>(sql, [CHECKPOINTS, scopeId]);
    return cut && seq <= (checkpointOf(cut)?.place.seq ?? 0) ? [] : [missing(scopeId, seq, seq)];
  }

  private async revisions(scopeId?: string): Promise<Map<string, number>> {
    const rows = await this.database.rows<RowOf<typeof COUNTER>>(
      // Changes of the scope `deliveries` are audited in the chains of the endpoints.
      `SELECT ${COUNTER.select} FROM change_counters WHERE scope_kind <> 'deliveries'${scopeId === undefined ? '' : ' AND scope_id = ?'}`,
      scopeId === undefined ? [] : [scopeId],
    );
    return new Map(rows.map((row) => [row.scopeId, Number(row.revision)]));
  }
}

function byScope(noted: readonly RecordedHash[]): Map<string, Map<number, string>> {
  const scopes = new Map<string, Map<number, string>>();
  for (const { scopeId, seq, hash } of noted) {
    const places = scopes.get(scopeId) ?? new Map<number, string>();
    scopes.set(scopeId, places.set(seq, hash));
  }
  return scopes;
}
