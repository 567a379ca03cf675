import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Clock } from '../common/clock.js';
import { PeriodicTask } from '../common/periodic-task.js';
import type { Scope } from '../common/scope.js';
import { Database, type Tx } from '../database/database.js';
import { chunks } from '../database/tx.js';
import { columnsOf } from '../database/columns.js';
import { leaseEndMs, type Observation, observe, silenceOf, step, storeStepMs } from '../../lib/receipts/protocol.js';
import type { RestoreCheck } from '../recovery/restore-check.js';
import { Pulse } from '../recovery/pulse.js';
import { gatewayRow, lockSessionsOfAll, type StoredSession, updateSessions } from './protocol-rows.js';
import { ReceiptsService } from './receipts.service.js';
import { SigningSession } from './session.entity.js';

const SESSION = columnsOf(SigningSession).pick('sessionId', 'counter', 'silenceMs', 'leaseSeconds');

const POLL_MS = 1000;
/** If there are more sessions than this, only every fifth check reads them. */
const SESSIONS_OFTEN = 1000;
const SELDOM = 5;
const TOGETHER_MAX = 100;

interface Seen extends Observation {
  /** The value in the row at the last check. */
  storedMs: number;
}

interface Row {
  sessionId: string;
  counter: number;
  silenceMs: number;
  leaseSeconds: number | null;
}

/**
 * Ends sessions whose lease is over. Each control plane observes the counters of all sessions, and measures on its own monotonic clock for
 * how long each counter has not changed. It uses no time of another machine. The observed silence is stored in steps and on shutdown, so
 * that it survives restarts of control planes.
 *
 * Guarantees: A session is ended after its lease has passed without a report, never before.
 * Condition: One control plane runs for as long as the lease, and its monotonic clock counts seconds.
 * Degrades: A restart loses at most the part of the silence that was not stored yet. So receipts complete later, never earlier.
 */
@Injectable()
export class SilenceWatch implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #logger = new Logger(SilenceWatch.name);
  #seen = new Map<string, Seen>();
  #polls = 0;
  #faulty = false;
  readonly #watch = new PeriodicTask(
    { maintains: 'sessions whose lease is over: the session and the receipts that waited for it record each end' },
    POLL_MS,
    () => this.poll(),
    (error) => this.report(error),
  );

  constructor(
    private readonly database: Database,
    private readonly receipts: ReceiptsService,
    private readonly clock: Clock,
    private readonly pulse: Pulse,
  ) {}

  onApplicationBootstrap(): void {
    this.#watch.start();
  }

  async onModuleDestroy(): Promise<void> {
    await this.#watch.stop();
    const rest = [...this.#seen].filter(([, seen]) => silenceOf(seen) > seen.storedMs).map(([sessionId]) => sessionId);
    await this.storeObservations(rest).catch((error: unknown) => this.report(error));
  }

  private async poll(): Promise<void> {
    if (this.#seen.size > SESSIONS_OFTEN && this.#polls++ % SELDOM !== 0) return;
    const begun = this.clock.monotonic();
    const rows = await this.database.rows<Row>(
      `SELECT ${SESSION.select} FROM signing_sessions
       WHERE ending IS NULL`,
    );
    const returned = this.clock.monotonic();
    const seen = new Map<string, Seen>();
    const due: string[] = [];
    for (const row of rows) {
      const observation = { ...observe(this.#seen.get(row.sessionId), row, begun, returned), storedMs: row.silenceMs };
      seen.set(row.sessionId, observation);
      const silence = silenceOf(observation);
      if (silence >= leaseEndMs(row.leaseSeconds) || silence - row.silenceMs >= storeStepMs(row.leaseSeconds)) due.push(row.sessionId);
    }
    this.#seen = seen;
    // Also reports leases that other control planes have granted. After a restore that loses these rows, the quarantine then still covers
    // the longest lease.
    for (const { leaseSeconds } of rows) await this.pulse.leaseGranted(leaseSeconds);
    await this.storeObservations(due);
    this.#faulty = false;
  }

  /** Passes observations to the protocol, which decides on locked rows: a session that has reported in the meantime is not silent. */
  private async storeObservations(sessionIds: readonly string[]): Promise<void> {
    for (const part of chunks(sessionIds, TOGETHER_MAX)) {
      const scopes = await this.pulse.record((tx, check) => this.step(tx, check, part));
      for (const scope of scopes) await this.receipts.check(scope);
    }
  }

  /** @returns the scopes in which a session ended */
  private async step(tx: Tx, check: RestoreCheck, sessionIds: readonly string[]): Promise<Scope[]> {
    const ended = new Map<string, Scope>();
    const changed: StoredSession[] = [];
    for (const before of await lockSessionsOfAll(tx, sessionIds)) {
      const seen = this.#seen.get(before.sessionId);
      if (!seen) continue;
      const scope: Scope = { kind: before.scopeKind, id: before.scopeId };
      const gateway = await gatewayRow(tx, scope, check);
      if (!gateway) continue;
      const event = { kind: 'silence', sessionId: before.sessionId, counter: seen.counter, silenceMs: silenceOf(seen) } as const;
      const [after, effects] = step({ gateway, sessions: [before], receipts: [] }, event);
      const session = after.sessions[0] as StoredSession;
      if (session === before) continue;
      const over = effects.some((effect) => effect.do === 'ended');
      changed.push(over ? { ...session, endedAt: this.clock.now(), endedRevision: gateway.revision } : session);
      if (over) ended.set(`${scope.kind} ${scope.id}`, scope);
    }
    await updateSessions(tx, changed);
    return [...ended.values()];
  }

  /** Logs one line per outage. */
  private report(error: unknown): void {
    if (!this.#faulty) this.#logger.warn(`sessions cannot be observed: ${error instanceof Error ? error.message : 'unknown'}`);
    this.#faulty = true;
  }
}
