import { Injectable, Logger } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { AuditService } from '../../platform/audit/audit.service.js';
import { ChangesService } from '../../platform/changes/changes.service.js';
import { ApiFault } from '../../platform/common/api-error.js';
import { Clock, DAY_MS, toMicroseconds } from '../../platform/common/clock.js';
import { ID_PATTERN, newId } from '../../platform/common/ids.js';
import type { Caller, Machine } from '../../platform/common/principal.js';
import type { InstanceScope } from '../../platform/common/scope.js';
import { Database, type Reads, type Tx } from '../../platform/database/database.js';
import { columnsOf, type RowOf } from '../../platform/database/columns.js';
import type { ReceiptVerifier, ReceiptVerifiers } from '../../lib/protocol/protocol.js';
import { contactIntervalMs, verifiersState, verifierState } from '../../lib/receipts/verifiers.js';
import { inGatewayOrProject, rowsOf } from '../../apig/instances/instance-rows.js';
import { Verifier } from './verifier.entity.js';
import type { VerifierListView, VerifierView } from './verifiers.dto.js';

const STORED_MAX = 10_000;
/** Maximum number of processes per credential. */
const PROCESSES_MAX = 1000;
const WARN_PROCESSES = PROCESSES_MAX * 0.8;
/** How long a process is kept after its end, for old receipts. */
const ENDED_KEPT_MS = 30 * DAY_MS;
const UNIQUE = { name: 'uq_verifiers_process', columns: 'verifiers.token_id, verifiers.name, verifiers.process_id' };

const VERIFIER = columnsOf(Verifier, 'v').except('projectId', 'instanceId');
const NEW_VERIFIER = columnsOf(Verifier).except('ending', 'endedAt', 'endedBy', 'contradictedAt');
type VerifierRow = RowOf<typeof VERIFIER>;

/** What a process states about itself when it asks for keys. */
export interface VerifierProcess {
  /** May be empty. */
  name: string;
  /** A random id that the process generates at its start; empty: none, so several processes may share the name. */
  processId: string;
  /** Age of its keys after which the process refuses every request. */
  maxAgeSeconds: number | null;
}

/** One request for keys. */
export interface Contact {
  /** The content hash in the ETag that the process sent, which identifies the keys that it has. Undefined: none. */
  held: string | undefined;
  /** The current revision. */
  revision: number;
  content: string;
}

/** Stores which keys each verifier has shown to have, and returns the verifiers' part of receipts. */
@Injectable()
export class VerifiersService {
  readonly #logger = new Logger(VerifiersService.name);
  /** The last stored contact of each process, so that frequent polls cost only one write a minute. */
  readonly #stored = new LRUCache<string, { held: string; revision: number; at: number }>({ max: STORED_MAX });

  constructor(
    private readonly database: Database,
    private readonly changes: ChangesService,
    private readonly audit: AuditService,
    private readonly clock: Clock,
  ) {}

  /** Returns the verifiers' part of the receipt of a revision. */
  async ofReceipt(instanceId: string, revision: number): Promise<ReceiptVerifiers> {
    return receiptVerifiers(await verifierRows(this.database, instanceId), revision);
  }

  /**
   * Stores which keys a process has shown to have, before the response. Only an ETag that the process sends back proves that a response
   * arrived.
   * @throws ApiFault `conflict` when the credential has too many processes, or when this process has left
   */
  async recordContact(machine: Machine, process: VerifierProcess, contact: Contact): Promise<void> {
    const now = this.clock.now();
    const key = `${machine.lineageId} ${process.name} ${process.processId}`;
    const before = this.#stored.get(key);
    const held = contact.held ?? '';
    const fresh = before && now >= before.at && now - before.at < contactIntervalMs(process.maxAgeSeconds);
    if (fresh && held === contact.content && before.held === held && before.revision === contact.revision) return;
    const store = (tx: Tx) => this.store(tx, machine, process, contact, now);
    // If another request of this process inserts the row first, the insert does nothing, and the update finds that row.
    const there = (await this.database.transaction(store)) || (await this.insert(machine, process, contact, now));
    if (!there) await this.database.transaction(store);
    this.#stored.set(key, { held, revision: contact.revision, at: now });
  }

  /** @returns false when the process has no row yet */
  private async store(
    tx: Tx,
    { lineageId }: Machine,
    { name, processId, maxAgeSeconds }: VerifierProcess,
    { held, revision, content }: Contact,
    now: number,
  ): Promise<boolean> {
    const lock = tx.engine === 'mariadb' ? 'FOR UPDATE' : '';
    const sql = `SELECT ${VERIFIER.select} FROM verifiers v WHERE v.token_id = ? AND v.name = ? AND v.process_id = ? ${lock}`;
    const [row] = await tx.rows<VerifierRow>(sql, [lineageId, name, processId]);
    if (!row) return false;
    // A late request from before the process left must not count as a return. A restarted process has another id.
    if (row.ending === 'left' && processId !== '')
      throw new ApiFault('conflict', { detail: 'this process has reported that it has left: a new process must use another id' });
    const shown = held === content ? revision : held !== undefined && held === row.offeredContent ? row.offeredRevision : 0;
    const current = held === content;
    // The longer age counts, because the response to this request may be lost.
    const age = row.maxAgeSeconds === null || maxAgeSeconds === null ? null : Math.max(row.maxAgeSeconds, maxAgeSeconds);
    await tx.run(
      `UPDATE verifiers SET shown_revision = ?, offered_revision = ?, offered_content = ?, max_age_seconds = ?, contacts = contacts + 1,
         silence_ms = 0, contradicted_at = ?, ending = NULL, ended_at = NULL, last_seen = ? WHERE id = ?`,
      [
        Math.max(row.shownRevision, shown),
        current ? row.offeredRevision : revision,
        current ? row.offeredContent : content,
        age,
        row.ending === 'vouched' ? now : row.contradictedAt,
        now,
        row.id,
      ],
    );
    return true;
  }

  private async insert(
    { projectId, instanceId, lineageId }: Machine,
    { name, processId, maxAgeSeconds }: VerifierProcess,
    { held, revision, content }: Contact,
    now: number,
  ): Promise<boolean> {
    const sql = 'SELECT COUNT(*) AS processes FROM verifiers WHERE token_id = ? AND ending IS NULL';
    const [count] = await this.database.rows<{ processes: number }>(sql, [lineageId]);
    const processes = count?.processes ?? 0;
    if (processes >= PROCESSES_MAX)
      throw new ApiFault('conflict', { detail: 'the credential has too many verifiers: vouch for those that do not run any more' });
    if (processes >= WARN_PROCESSES) this.#logger.warn(`credential ${lineageId} has ${processes} of ${PROCESSES_MAX} verifiers`);
    const shown = held === content ? revision : 0;
    // A verifier that has no keys, or has these, never got older ones.
    const first = held === undefined || held === content ? revision : 0;
    return this.database.insertOnce(async (tx) => {
      await tx.run('DELETE FROM verifiers WHERE ended_at < ?', [now - ENDED_KEPT_MS]);
      const revisions = { shownRevision: shown, firstRevision: first, offeredRevision: revision, offeredContent: content };
      const counts = { maxAgeSeconds, contacts: 1, silenceMs: 0, createdAt: now, lastSeen: now };
      const row = { id: newId(), projectId, instanceId, tokenId: lineageId, name, processId, ...revisions, ...counts };
      await tx.run(NEW_VERIFIER.insert(), NEW_VERIFIER.values(row));
    }, UNIQUE);
  }

  /** Records that the process does not accept any keys any more. Does nothing for an unknown process. */
  async recordLeft({ lineageId }: Machine, { name, processId }: VerifierProcess): Promise<void> {
    const now = this.clock.now();
    const sql = `UPDATE verifiers SET ending = 'left', ended_at = ?, last_seen = ?, contacts = contacts + 1
      WHERE token_id = ? AND name = ? AND process_id = ? AND ending IS NULL`;
    await this.database.transaction((tx) => tx.run(sql, [now, now, lineageId, name, processId]));
    this.#stored.delete(`${lineageId} ${name} ${processId}`);
  }

  /** Returns the verifiers of a gateway, by name. @throws InstanceNotFound */
  async list(scope: InstanceScope): Promise<VerifierListView> {
    const sql = `SELECT ${VERIFIER.select} FROM verifiers v WHERE v.instance_id = ? AND v.project_id = ? ORDER BY v.name, v.id`;
    const rows = await rowsOf<VerifierRow>(this.database, scope, sql, [scope.instanceId, scope.projectId]);
    return { total: rows.length, size: rows.length, verifiers: rows.map(toView) };
  }

  /**
   * Ends a verifier because the caller vouches that it has stopped or refuses every ended key. Receipts do not wait for it any more. If it
   * asks for keys again, receipts wait for it again and show since when the statement is known to be wrong.
   * @throws ApiFault `not_found`, `conflict` when it has already ended; InstanceNotFound
   */
  async vouch(scope: InstanceScope, verifierId: string, caller: Caller): Promise<void> {
    if (!ID_PATTERN.test(verifierId)) throw new ApiFault('not_found');
    const { lock } = await inGatewayOrProject(this.database, scope);
    await this.changes.write(lock, async (write) => {
      const sql = `SELECT ${VERIFIER.select} FROM verifiers v WHERE v.id = ? AND v.instance_id = ? AND v.project_id = ?`;
      const [row] = await write.rows<VerifierRow>(sql, [verifierId, scope.instanceId, scope.projectId]);
      if (!row) throw new ApiFault('not_found');
      const { affected } = await write.run(
        "UPDATE verifiers SET ending = 'vouched', ended_at = ?, ended_by = ? WHERE id = ? AND ending IS NULL",
        [write.now, caller.principal.userName.slice(0, 64), verifierId],
      );
      if (affected === 0) throw new ApiFault('conflict', { detail: 'the verifier has already ended' });
      const detail = { process_id: row.processId, shown_revision: row.shownRevision, last_seen: row.lastSeen };
      await this.audit.record(write, caller, {
        action: 'VouchForVerifier',
        resourceType: 'Verifier',
        resourceId: verifierId,
        resourceName: row.name,
        detail,
      });
      write.change('verifier', verifierId, 'deleted');
    });
  }
}

const verifierRows = (reads: Pick<Reads, 'rows'>, instanceId: string): Promise<VerifierRow[]> =>
  reads.rows<VerifierRow>(`SELECT ${VERIFIER.select} FROM verifiers v WHERE v.instance_id = ? ORDER BY v.name, v.id`, [instanceId]);

function receiptVerifiers(rows: readonly VerifierRow[], revision: number): ReceiptVerifiers {
  return {
    state: verifiersState(rows, revision),
    verifiers: rows.map((row) => toReceipt(row, revision)),
  };
}

const toReceipt = (row: VerifierRow, revision: number): ReceiptVerifier => ({
  verifier_id: row.id,
  name: row.name,
  process_id: row.processId,
  state: verifierState(row, revision),
  ...ended(row),
  shown_revision: row.shownRevision,
  last_seen_at: toMicroseconds(row.lastSeen),
});

const timeOrNull = (instant: number | null) => (instant === null ? null : toMicroseconds(instant));

const ended = ({ ending, endedAt, endedBy, contradictedAt }: VerifierRow) => ({
  ending,
  ended_at: timeOrNull(endedAt),
  vouched_by: ending === 'vouched' ? endedBy : null,
  contradicted_at: timeOrNull(contradictedAt),
});

const toView = (row: VerifierRow): VerifierView => ({
  verifier_id: row.id,
  name: row.name,
  process_id: row.processId,
  token_id: row.tokenId,
  shown_revision: row.shownRevision,
  max_age_seconds: row.maxAgeSeconds,
  ...ended(row),
  registered_at: toMicroseconds(row.createdAt),
  last_seen_at: toMicroseconds(row.lastSeen),
});
