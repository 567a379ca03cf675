import { Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { Fault } from '../common/api-error.js';
import { Clock, toMicroseconds } from '../common/clock.js';
import { Receipts } from '../common/receipts.js';
import type { InstanceScope } from '../common/scope.js';
import { Database, type Reads } from '../database/database.js';
import type { Receipt } from '../lib/protocol/protocol.js';
import { NodeReports } from './node-reports.service.js';
import { NODE, type NodeRow } from './node-rows.js';
import { isSettled, receiptNode } from './receipt.js';
import { revisionOf } from './snapshot.service.js';

/** Another process may have taken the report. */
const POLL_MS = 100;
const REVISION = /^[1-9]\d{0,14}$/;

interface Waiter {
  revision: number;
  done: () => void;
}

/** Who has applied a revision, and those who wait until everybody has. */
@Injectable()
export class ReceiptsService extends Receipts implements OnModuleInit, OnModuleDestroy {
  readonly #waiters = new Map<string, Set<Waiter>>();
  readonly #looking = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #stopping = false;

  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
    private readonly reports: NodeReports,
  ) {
    super();
  }

  onModuleInit(): void {
    this.reports.onReported((instanceId) => void this.look(instanceId));
  }

  /** The process stops: whoever waits is answered. */
  onModuleDestroy(): void {
    this.#stopping = true;
    for (const waiters of this.#waiters.values()) for (const { done } of [...waiters]) done();
  }

  /**
   * The receipt of a revision, as of now.
   * @param revision as it stands in the path
   * @throws Fault `not_found` for a revision that there is not, or not yet; InstanceNotFound
   */
  async get(scope: InstanceScope, revision: string): Promise<Receipt> {
    const wanted = REVISION.test(revision) ? Number(revision) : 0;
    const { createdAt, rows } = await this.database.snapshot(async (reads) => ({
      createdAt: await writtenAt(reads, scope, wanted),
      rows: await reads.rows<NodeRow & { ackedAt: number | null }>(
        `SELECT ${NODE}, (SELECT a.acked_at FROM gateway_acks a WHERE a.instance_id = n.instance_id AND a.node_id = n.node_id AND a.revision >= ?
           ORDER BY a.revision LIMIT 1) AS ackedAt
         FROM gateway_nodes n WHERE n.instance_id = ? AND n.project_id = ? ORDER BY n.node_id`,
        [wanted, scope.instanceId, scope.projectId],
      ),
    }));
    const now = this.clock.now();
    return {
      instance_id: scope.instanceId,
      revision: wanted,
      complete: rows.every((row) => isSettled(row, wanted, now)),
      created_at: toMicroseconds(createdAt),
      nodes: rows.map((row) => receiptNode(row, wanted, now)),
    };
  }

  async settled(instanceId: string, revision: number, waitMs: number, abandoned: AbortSignal): Promise<void> {
    if (this.#stopping || abandoned.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const waiter = { revision, done: resolve };
    const waiters = this.#waiters.get(instanceId) ?? new Set();
    this.#waiters.set(instanceId, waiters.add(waiter));
    this.#timer ??= setInterval(() => {
      for (const id of this.#waiters.keys()) void this.look(id);
    }, POLL_MS);
    const end = setTimeout(resolve, waitMs);
    abandoned.addEventListener('abort', () => resolve(), { once: true });
    void this.look(instanceId);
    await promise;
    clearTimeout(end);
    waiters.delete(waiter);
    if (waiters.size === 0 && this.#waiters.get(instanceId) === waiters) this.#waiters.delete(instanceId);
    if (this.#waiters.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** One statement for everybody who waits for a gateway; whoever has nothing to wait for any more is let go. */
  private async look(instanceId: string): Promise<void> {
    const waiters = this.#waiters.get(instanceId);
    if (!waiters || this.#looking.has(instanceId)) return;
    this.#looking.add(instanceId);
    try {
      const rows = await this.database.rows<NodeRow>(`SELECT ${NODE} FROM gateway_nodes n WHERE n.instance_id = ?`, [instanceId]);
      const now = this.clock.now();
      for (const { revision, done } of [...waiters]) if (rows.every((row) => isSettled(row, revision, now))) done();
    } catch {
      // The database is away: the timer asks again, and nobody waits for ever.
    } finally {
      this.#looking.delete(instanceId);
    }
  }
}

/** When the revision was written: every write has its audit row. @throws InstanceNotFound, Fault `not_found` */
async function writtenAt(reads: Reads, scope: InstanceScope, revision: number): Promise<number> {
  const newest = await revisionOf(reads, scope);
  const sql = 'SELECT created_at AS createdAt FROM audit_events WHERE scope_id = ? AND seq = ?';
  const [row] = revision >= 1 && revision <= newest ? await reads.rows<{ createdAt: number }>(sql, [scope.instanceId, revision]) : [];
  if (!row) throw new Fault('not_found');
  return row.createdAt;
}
