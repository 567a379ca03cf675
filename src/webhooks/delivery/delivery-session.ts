import { setTimeout as delay } from 'node:timers/promises';
import { randomBytes } from 'node:crypto';
import { Injectable, Logger } from '@nestjs/common';
import { ChangeFeed } from '../../platform/changes/change-feed.js';
import { ApiFault } from '../../platform/common/api-error.js';
import { BootClock } from '../../platform/common/boot-clock.js';
import { Clock } from '../../platform/common/clock.js';
import { PeriodicTask } from '../../platform/common/periodic-task.js';
import { Config } from '../../platform/config/config.js';
import { VERSION } from '../../platform/config/version.js';
import { Database, type Tx } from '../../platform/database/database.js';
import { columnsOf, type RowOf } from '../../platform/database/columns.js';
import { DELIVERIES } from '../delivery-log/delivery-log.js';
import { DeliveryLogEntry } from '../delivery-log/delivery-log.entity.js';
import { EMPTY_DIGEST, digestText } from '../../lib/receipts/digest.js';
import {
  type Instant,
  leaseLeftMs,
  newNode,
  type NodeEffect,
  type NodeEvent,
  type NodeState,
  refusalToSign,
  stepNode,
} from '../../lib/receipts/node.js';
import { type ControlEvent, type ControlState, type Refusal, step } from '../../lib/receipts/protocol.js';
import {
  gatewayRow,
  insertSession,
  lockCounter,
  lockSessions,
  type StoredSession,
  updateSessions,
} from '../../platform/receipts/protocol-rows.js';
import { ReceiptsService } from '../../platform/receipts/receipts.service.js';
import type { RestoreCheck } from '../../platform/recovery/restore-check.js';
import { Pulse } from '../../platform/recovery/pulse.js';

const LOGGED = columnsOf(DeliveryLogEntry).pick('revision', 'endpointId');

const TICK_MS = 500;
/** Minimum lease. It lets deliveries continue through a database outage of some seconds. */
const LEASE_MIN_SECONDS = 30;
/** Poll interval while a new process waits for permission to register. */
const STARTING_POLL_MS = 50;
/** Number of renewals per lease. More than ten, because a control plane stores a session as silent after a tenth of its lease. */
const RENEWALS_PER_LEASE = 12;
/** Maximum time of an attempt outside its time-out, such as for reading keys. */
const SLACK_MS = 1000;
const READS_MAX = 5;
const LOG_MAX = 1000;
const SESSION_BYTES = 16;
/**
 * Reports of this session are not signed, because they do not cross a network: whoever can write the row of this session can write any row.
 */
const NO_KEY = '';
const NO_CREDENTIAL = 'signet';
const NODE_ID = 'delivery';
/** A delivering process has no key table, so its digest is that of an empty table. */
const DIGEST = digestText(EMPTY_DIGEST);

/** An attempt that has read its signing keys and has not ended. */
export interface AttemptHold {
  readonly endpointId: string;
  /** Revision of the delivery log when the keys were read. */
  readonly revision: number;
  /** The session in which the attempt began. */
  readonly sessionId: string | undefined;
}

/** The state of an endpoint at a revision of the delivery log. */
interface VersionedRead {
  readonly revision: number;
  readonly epoch: string;
}

/**
 * The session of this process, which signs deliveries. Receipts of endpoints wait for it (docs/adr/0046). Each attempt reads its keys from
 * the database. A revision that changed an endpoint is in effect when no attempt is in flight that read older keys of this endpoint, and
 * when no later attempt can use an older read. `lib/receipts/node.ts` decides what the process may do; `lib/receipts/protocol.ts` decides
 * when a receipt is complete.
 *
 * Guarantees: A revision of the delivery log is acknowledged only when no attempt of this process uses older keys.
 * Condition: Each attempt reads its endpoint and keys from the database, and begins within the lease of the session.
 * Degrades: Without a lease, no attempt begins. After a crash, receipts wait until the lease of the session has ended.
 */
@Injectable()
export class DeliverySession {
  readonly #logger = new Logger(DeliverySession.name);
  readonly #boot = new BootClock();
  readonly #holds = new Set<AttemptHold>();
  readonly #leaseSeconds: number;
  readonly #attemptMs: number;
  #state: NodeState = newNode([]);
  /** Revision of the delivery log when this session was registered. */
  #firstRevision = 0;
  /** Last acknowledged revision. */
  #acknowledged = 0;
  /** Whether a revision waits for attempts that are in flight. */
  #revisionWaits = false;
  #dueAt = 0;
  readonly #ticks = new PeriodicTask(
    { maintains: 'the session of this process and its lease; receipts of endpoints wait for it' },
    TICK_MS,
    () => this.sync(),
    (error) => this.report(error),
  );
  #unsubscribe: (() => void) | undefined;
  #syncing: Promise<void> | undefined;
  #syncAgain = false;
  #faulty = false;
  #stopped = false;
  #onReady: () => void = () => undefined;

  constructor(
    private readonly database: Database,
    private readonly receipts: ReceiptsService,
    private readonly feed: ChangeFeed,
    private readonly clock: Clock,
    private readonly pulse: Pulse,
    { webhooks: { timeoutMs } }: Config,
  ) {
    this.#attemptMs = timeoutMs + SLACK_MS;
    // At least as long as a claim. So a process that ends unexpectedly delays receipts no longer than its messages.
    this.#leaseSeconds = Math.max(LEASE_MIN_SECONDS, Math.ceil((2 * timeoutMs + 5000) / 1000));
  }

  /** @param onReady called when attempts become allowed */
  start(onReady: () => void): void {
    this.#onReady = onReady;
    this.#unsubscribe = this.feed.subscribe(({ scope }) => {
      if (scope.kind === DELIVERIES.kind) void this.sync();
    });
    void this.sync();
    this.#ticks.start();
  }

  /**
   * Stops allowing attempts. Ends the session if no attempt is in flight. Otherwise the session ends with its lease, because the process
   * may exit before its attempts end.
   */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#unsubscribe?.();
    await this.#ticks.stop();
    await this.#syncing;
    if (!this.#state.session) return;
    const effects = this.stepNode({ kind: 'send', at: this.now(), leaving: true, requestsUnderWay: this.#holds.size });
    await this.send(effects).catch((error: unknown) => this.report(error));
  }

  /** Whether an attempt that begins now would end before the lease. */
  get maySend(): boolean {
    const now = this.now();
    return refusalToSign(this.#state, now) === undefined && leaseLeftMs(this.#state, now) >= this.#attemptMs;
  }

  /** As {@link maySend}, but registers the session or renews its lease first if necessary. Never throws. */
  async ensureReady(): Promise<boolean> {
    if (this.#stopped) return false;
    if (this.maySend) return true;
    await this.sync();
    return this.maySend;
  }

  /** As {@link ensureReady}, but waits for some seconds if the process is still starting (docs/adr/0047). */
  async whenReady(): Promise<boolean> {
    while (this.pulse.starting && !this.#stopped) await delay(STARTING_POLL_MS);
    return this.ensureReady();
  }

  /**
   * Reads an endpoint and its signing keys for one attempt. Until {@link release} is called, no revision that changes the endpoint is
   * acknowledged.
   * @returns undefined when the endpoint does not exist
   * @throws ApiFault `unavailable` when the database returns a revision older than the acknowledged one, or another epoch
   */
  async hold<T extends VersionedRead>(
    endpointId: string,
    read: () => Promise<T | undefined>,
  ): Promise<{ read: T; held: AttemptHold } | undefined> {
    for (let reads = 0; reads < READS_MAX; reads++) {
      const found = await read();
      if (!found) return undefined;
      const { session } = this.#state;
      // Revisions of different epochs cannot be compared.
      if (session && session.epoch !== found.epoch) {
        void this.sync();
        throw new ApiFault('unavailable', {
          detail: 'an operator has decided about a restore, but this process has not read the decision yet',
        });
      }
      // There is no await between this check and the registration of the attempt, so no revision can be acknowledged in between.
      if (found.revision < this.#state.applied) continue;
      const held = { endpointId, revision: found.revision, sessionId: this.#state.session?.sessionId };
      this.#holds.add(held);
      return { read: found, held };
    }
    throw new ApiFault('unavailable', { detail: 'the database returned an older revision than it has committed' });
  }

  /** Whether the session in which the attempt read its keys still holds its lease. */
  stillHeld({ sessionId }: AttemptHold): boolean {
    return this.#state.session?.sessionId === sessionId && leaseLeftMs(this.#state, this.now()) > 0;
  }

  /** Ends an attempt. Must be called only when its request cannot leave this process any more. */
  release(held: AttemptHold): void {
    this.#holds.delete(held);
    if (this.#revisionWaits && !this.#stopped) void this.sync();
  }

  private now(): Instant {
    return { monotonicMs: this.clock.monotonic(), wallMs: this.clock.now(), ...this.#boot.read() };
  }

  private stepNode(event: NodeEvent): readonly NodeEffect[] {
    const [state, effects] = stepNode(this.#state, event);
    this.#state = state;
    return effects;
  }

  /** Runs one round at a time. A call during a round starts another round and waits for it. */
  private sync(): Promise<void> {
    if (this.#syncing) {
      this.#syncAgain = true;
      return this.#syncing;
    }
    this.#syncing = this.syncRounds().finally(() => (this.#syncing = undefined));
    return this.#syncing;
  }

  private async syncRounds(): Promise<void> {
    do {
      this.#syncAgain = false;
      const could = this.maySend;
      try {
        await this.database.withFreshBudget(() => this.syncOnce());
        this.#faulty = false;
      } catch (error) {
        this.report(error);
      }
      if (!could && this.maySend) this.#onReady();
    } while (this.#syncAgain && !this.#stopped);
  }

  private async syncOnce(): Promise<void> {
    if (!this.#state.session) {
      // The next tick tries again, so that short-lived commands do not wait.
      if (this.pulse.starting) return;
      await this.register();
    }
    await this.apply();
    const { monotonicMs } = this.now();
    if (monotonicMs < this.#dueAt && this.#acknowledged === this.#state.applied && this.maySend) return;
    await this.send(this.stepNode({ kind: 'send', at: this.now(), leaving: false, requestsUnderWay: 0 }));
    this.#dueAt = monotonicMs + (this.#leaseSeconds * 1000) / RENEWALS_PER_LEASE;
  }

  /** Registers the session before any key is read, so that receipts include this process. Attempts of an earlier session still count. */
  private async register(): Promise<void> {
    const sessionId = randomBytes(SESSION_BYTES).toString('hex');
    const registration = {
      kind: 'register',
      sessionId,
      nodeId: NODE_ID,
      publicKey: NO_KEY,
      credentialId: NO_CREDENTIAL,
      withTable: false,
      leaseSeconds: 0,
      living: 0,
      sessionsMax: Number.POSITIVE_INFINITY,
      succeeds: null,
    } as const;
    const { epoch, revision } = await this.pulse.transaction(async (tx, judge) => {
      await lockCounter(tx, DELIVERIES);
      const gateway = await this.gateway(tx, judge);
      const [registered, effects] = step({ gateway, sessions: [], receipts: [] }, registration);
      const [asked, answers] = step(registered, { kind: 'ask', sessionId });
      const refused = [...effects, ...answers].find((effect) => effect.do === 'refuse');
      if (refused) throw new Refused(refused.because);
      const now = this.clock.now();
      const columns = {
        scopeKind: DELIVERIES.kind,
        scopeId: DELIVERIES.id,
        projectId: '',
        version: VERSION,
        acknowledgedAt: null,
        endedAt: null,
        endedRevision: null,
        registeredAt: now,
        lastSeen: now,
      };
      await insertSession(tx, { ...(asked.sessions[0] as StoredSession), ...columns });
      return gateway;
    });
    this.stepNode({ kind: 'registered', sessionId, epoch, accepted: [] });
    this.#acknowledged = 0;
    this.#firstRevision = revision;
  }

  /** Advances to the newest revision of the log when no attempt is in flight that read its endpoint before that revision. */
  private async apply(): Promise<void> {
    const { applied, synced } = this.#state;
    if (!synced) return this.takeEffect(this.#firstRevision, this.#holds.size);
    const rows = await this.database.rows<RowOf<typeof LOGGED>>(
      `SELECT ${LOGGED.select} FROM delivery_log WHERE revision > ? ORDER BY revision LIMIT ${LOG_MAX}`,
      [applied],
    );
    const last = rows.at(-1);
    this.#revisionWaits = false;
    if (!last) return;
    const changedAt = new Map(rows.map(({ endpointId, revision }) => [endpointId, revision]));
    // A gap in the log hides which endpoints were changed, so all older attempts count.
    const isWhole = last.revision - applied === rows.length;
    const older = [...this.#holds].filter(
      ({ endpointId, revision }) => revision < (isWhole ? (changedAt.get(endpointId) ?? 0) : last.revision),
    );
    this.takeEffect(last.revision, older.length);
    if (older.length === 0 && rows.length === LOG_MAX) this.#syncAgain = true;
  }

  private takeEffect(revision: number, requestsUnderWay: number): void {
    const { session } = this.#state;
    if (!session) return;
    const effects = this.stepNode({ kind: 'snapshot_in_effect', revision, epoch: session.epoch, requestsUnderWay });
    this.#revisionWaits = effects.some((effect) => effect.do === 'wait_for_requests');
  }

  private async send(effects: readonly NodeEffect[]): Promise<void> {
    const said = effects.find((effect) => effect.do === 'report');
    const { session } = this.#state;
    if (!said || !session) return;
    const report = {
      kind: 'report',
      sessionId: session.sessionId,
      authentic: true,
      credentialId: NO_CREDENTIAL,
      epoch: session.epoch,
      counter: said.counter,
      revision: said.revision,
      newestRevision: said.newestRevision,
      digest: DIGEST,
      ownDigest: undefined,
      leaseSeconds: said.leaseSeconds,
      leaving: said.leaving,
      succeeds: null,
      at: this.clock.now(),
    } as const;
    const answers = await this.pulse.transaction((tx, judge) => this.storeReport(tx, judge, report));
    const refused = answers.find((effect) => effect.do === 'refuse');
    if (refused) return this.refused(refused.because);
    void this.receipts.check(DELIVERIES);
    const terms = answers.find((effect) => effect.do === 'answer_report')?.terms;
    if (!terms) return;
    this.#acknowledged = said.revision;
    this.stepNode({ kind: 'answered', terms, at: this.now() });
  }

  private async storeReport(tx: Tx, judge: RestoreCheck, event: ControlEvent & { kind: 'report' }) {
    const gateway = await this.gateway(tx, judge);
    const sessions = await lockSessions(tx, DELIVERIES, [event.sessionId]);
    const before: ControlState = { gateway, sessions, receipts: [] };
    const [after, effects] = step(before, event);
    const [was, is] = [sessions[0], after.sessions[0] as StoredSession | undefined];
    if (was && is && is !== was) {
      const now = this.clock.now();
      const ended = is.ending && !was.ending ? { endedAt: now, endedRevision: gateway.revision } : {};
      const acknowledgedAt = is.acknowledged > was.acknowledged ? now : was.acknowledgedAt;
      await updateSessions(tx, [{ ...is, lastSeen: now, acknowledgedAt, ...ended }]);
    }
    return effects;
  }

  /** Handles a refusal: the session has ended or belongs to another epoch. A new session must be registered before any further attempt. */
  private refused(because: Refusal): void {
    if (because === 'repeated' || because === 'held') return;
    this.#logger.warn(`the delivery session was refused (${because}): no delivery starts until a new session is registered`);
    this.#state = newNode([]);
    this.#syncAgain = true;
  }

  private async gateway(tx: Tx, judge: RestoreCheck) {
    const gateway = await gatewayRow(tx, DELIVERIES, judge);
    if (!gateway || gateway.deleted) throw new Error('the change counter of webhook deliveries is missing');
    return { ...gateway, leaseSeconds: this.#leaseSeconds };
  }

  /** Logs one line per outage. */
  private report(error: unknown): void {
    if (!this.#faulty)
      this.#logger.warn(`there is no delivery session, so deliveries wait: ${error instanceof Error ? error.message : 'unknown'}`);
    this.#faulty = true;
  }
}

class Refused extends Error {
  constructor(because: Refusal) {
    super(`refused (${because})`);
  }
}
