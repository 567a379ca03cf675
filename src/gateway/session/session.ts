import { sign } from 'node:crypto';
import type { Logger } from 'pino';
import { type Clock, DAY_MS } from '../../platform/common/clock.js';
import { VERSION } from '../../platform/config/version.js';
import {
  type SessionReport,
  type SessionSuccession,
  type SessionTerms,
  TOMBSTONES_MAX,
  USAGE_ROWS_MAX,
} from '../../lib/protocol/protocol.js';
import {
  type Instant,
  isTombstoned,
  leaseLeftMs,
  newNode,
  type NodeEffect,
  type NodeEvent,
  type NodeState,
  refusalToSign,
  type RefusalToSign,
  stepNode,
  type Tombstone,
  type UsedKey,
} from '../../lib/receipts/node.js';
import { longerLease } from '../../lib/receipts/protocol.js';
import { NO_FAULTS } from '../../lib/receipts/faults.js';
import { fromWire, toWire } from '../../lib/protocol/wire-tombstone.js';
import { registrationBytes, reportBytes, successionBytes } from '../../lib/receipts/report-bytes.js';
import { type ControlPlaneClient, ControlPlaneRefusal } from '../control-plane/control-plane-client.js';
import type { KeyStore, TableDiff } from '../keys/key-store.js';
import { type SessionIdentity, newSessionIdentity } from './session-identity.js';
import type { StateFile } from './state-file.js';
import type { InFlightRequests } from './in-flight-requests.js';
import { BootClock } from '../../platform/common/boot-clock.js';
import { type ClockOffset, clockOffset } from './clock-offset.js';
import type { UsageCounter } from './usage-counter.js';

/** The lease of this process, which is passed on to an HAProxy. */
interface Lease {
  /** Milliseconds left. 0 or less: the lease has expired; infinite: it has no end. */
  readonly leftMs: number;
  /** If true, nothing is signed, whatever `leftMs` is. */
  readonly over: boolean;
}

/** Callbacks of the session to the replicator and the reporter. */
export interface SessionEvents {
  /** Drops the keys of this process and of its replication targets. */
  dropKeys(): void;
  /** Requests a report to the control plane. */
  reportSoon(): void;
  /** Requests a full snapshot for the session that was just registered. */
  takeSnapshot(): void;
  /** Remaining lease of the replication targets in seconds; 0: none; null: no end. */
  grantedLeaseSeconds(): number | null;
}

/**
 * The session of this process with the control plane. The state machine in `lib/receipts/node.ts` decides what may be signed, acknowledged
 * and kept. This class stores the state of the machine, reads clocks and executes the effects.
 *
 * Guarantees: The node signs only within its lease, and acknowledges a revision only when no in-flight request uses an older key.
 * Condition: The monotonic clock of the process counts seconds.
 * Degrades: While the control plane does not respond, the node signs until its lease ends, and not after that.
 */
export class Session implements Lease {
  #state: NodeState;
  /** Whether there are tombstones that are not in the state folder yet. They are saved before the next request to the control plane. */
  #hasUnsavedTombstones = false;
  /** Whether registrations list the tombstones, because a restore of the database was detected. */
  #sendsTombstones = false;
  /** The registration that is to be sent, because there is no session, or because the database was restored and the table is kept. */
  #pendingRegistration: { identity: SessionIdentity; withTable: boolean; leaseSeconds: number | null; sent: boolean } | undefined;
  #identity: SessionIdentity | undefined;
  /** Earlier sessions of this process, or of a process that has ended, whose end is not proved yet. */
  #predecessors: SessionIdentity[];
  /** When the newest report with a response was sent, on the monotonic clock. */
  #lastContactAt: number | undefined;
  #clockOffset: ClockOffset | undefined;
  readonly #boot = new BootClock();
  readonly #registrationWaiters: (() => void)[] = [];

  /** @param hasHaproxy whether an HAProxy signs too. Then the end of a predecessor is proved only when that HAProxy has a new table */
  constructor(
    private readonly config: { instanceId: string; nodeId: string },
    private readonly controlPlane: ControlPlaneClient,
    private readonly keys: KeyStore,
    private readonly requests: InFlightRequests,
    private readonly usage: UsageCounter,
    private readonly clock: Clock,
    private readonly hasHaproxy: boolean,
    private readonly stateFile: StateFile | undefined,
    private readonly events: SessionEvents,
    private readonly logger: Logger,
  ) {
    this.#predecessors = [...(stateFile?.predecessors ?? [])];
    this.#state = newNode(stateFile?.tombstones ?? [], NO_FAULTS, stateFile?.restoredEpochs ?? []);
  }

  now(): Instant {
    return { monotonicMs: this.clock.monotonic(), wallMs: this.clock.now(), ...this.#boot.read() };
  }

  /** Why nothing may be signed now; undefined: signing is allowed. */
  get refusal(): RefusalToSign | undefined {
    return refusalToSign(this.#state, this.now());
  }

  get over(): boolean {
    return this.refusal !== undefined;
  }

  get leftMs(): number {
    return leaseLeftMs(this.#state, this.now());
  }

  /** The lease in seconds. Null: no end; undefined: none yet. */
  get leaseSeconds(): number | null | undefined {
    return this.#state.lease?.seconds;
  }

  /** Milliseconds since the newest report with a response was sent; infinite: no report got a response. */
  get contactAgeMs(): number {
    return this.#lastContactAt === undefined ? Number.POSITIVE_INFINITY : this.clock.monotonic() - this.#lastContactAt;
  }

  /** The offset that the newest report with a response has measured; undefined: no report got a response. For metrics and logs only. */
  get clockOffset(): ClockOffset | undefined {
    return this.#clockOffset;
  }

  get appliedRevision(): number {
    return this.#state.applied;
  }

  /** Whether a full snapshot is in effect. */
  get synced(): boolean {
    return this.#state.synced;
  }

  /** The id of the session; undefined: not registered. */
  get sessionId(): string | undefined {
    return this.#state.session?.sessionId;
  }

  /** Whether a registration must be sent before any report. */
  get needsRegistration(): boolean {
    return this.#state.session === undefined || this.#pendingRegistration !== undefined;
  }

  /** Whether the gateway was deleted, so that no more requests are sent for it. */
  get gatewayDeleted(): boolean {
    return this.#state.gone;
  }

  isTombstoned(key: UsedKey): boolean {
    return this.#state.tombstones.length > 0 && isTombstoned(this.#state, key);
  }

  /** Records ended signatures as tombstones, so that they stay ended after a restore of the database. */
  recordTableDiff({ ended, begun }: TableDiff, revision: number): void {
    const { session } = this.#state;
    if (!session || ended.length + begun.length === 0) return;
    const { epoch } = session;
    // Within one epoch, a key may be bound again after it was unbound.
    const again = this.#state.tombstones.filter(
      (each) =>
        each.epoch === epoch &&
        begun.some(
          ({ signId, version, publishId }) =>
            each.signId === signId && each.version === version && (each.publishId ?? publishId) === publishId,
        ),
    );
    if (again.length > 0 && !this.#state.putBack.includes(epoch)) {
      this.dispatch({ kind: 'expired', tombstones: again });
      this.#hasUnsavedTombstones = true;
    }
    const known = new Set<string>();
    const tombstones = ended.flatMap(({ signId, version, publishId }): Tombstone[] => {
      const name = `${signId} ${version} ${publishId}`;
      if (known.has(name)) return [];
      known.add(name);
      return [{ signId, version, publishId, revision, epoch }];
    });
    if (tombstones.length > 0) this.dispatch({ kind: 'ended', tombstones });
  }

  /** @throws when the state folder cannot be written; then nothing is acknowledged */
  #saveTombstones(): void {
    if (!this.#hasUnsavedTombstones) return;
    this.stateFile?.save(this.#state.tombstones, this.#state.putBack, this.clock.now());
    this.#hasUnsavedTombstones = false;
  }

  /** Resolves when the session is registered, so that every receipt waits for it. Keys may be fetched only after that. */
  async whenRegistered(signal: AbortSignal): Promise<void> {
    while (this.needsRegistration) {
      signal.throwIfAborted();
      await new Promise<void>((resolve) => {
        this.#registrationWaiters.push(resolve);
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
    }
  }

  /** Passes an event to the state machine. @returns the effects; the caller executes some of them */
  dispatch(event: NodeEvent): readonly NodeEffect[] {
    const [state, effects] = stepNode(this.#state, event);
    this.#state = state;
    for (const effect of effects) {
      if (effect.do === 'drop_keys') {
        this.logger.error(
          this.#state.gone
            ? 'the gateway was deleted; all keys are dropped'
            : 'the control plane rejects this session; all keys are dropped',
        );
        this.events.dropKeys();
      } else if (effect.do === 'register') this.#replaceRegistration(effect.withTable, effect.leaseSeconds);
      else if (effect.do === 'report_soon') this.events.reportSoon();
      else if (effect.do === 'store_tombstones') this.#hasUnsavedTombstones = true;
    }
    return effects;
  }

  /**
   * Replaces the pending registration. The control plane may already have accepted it, so the next session also proves the end of that one.
   */
  #replaceRegistration(withTable: boolean, leaseSeconds: number | null): void {
    const before = this.#pendingRegistration;
    if (before?.sent) this.#predecessors.push(before.identity);
    this.#pendingRegistration = { identity: newSessionIdentity(), withTable, leaseSeconds, sent: false };
  }

  /** Dispatches an event, and dispatches it again when in-flight requests have finished. */
  async dispatchWhenIdle(event: (requestsUnderWay: number) => NodeEvent, signal: AbortSignal): Promise<readonly NodeEffect[]> {
    for (;;) {
      const effects = this.dispatch(event(this.requests.count));
      if (!effects.some((effect) => effect.do === 'wait_for_requests')) return effects;
      await this.requests.whenIdle(signal);
    }
  }

  /** Registers this process, or repeats a registration whose response was lost. @throws when the registration was not accepted */
  async register(signal: AbortSignal): Promise<void> {
    const wanted = (this.#pendingRegistration ??= { identity: newSessionIdentity(), withTable: false, leaseSeconds: 0, sent: false });
    const { identity, withTable, leaseSeconds } = wanted;
    const { instanceId: gatewayId, nodeId } = this.config;
    const { sessionId } = identity;
    const succeeds = this.hasHaproxy ? undefined : this.#succession(identity);
    this.#saveTombstones();
    const tombstones = this.#sendsTombstones || withTable ? this.#state.tombstones.slice(-TOMBSTONES_MAX) : [];
    const bytes = registrationBytes({ gatewayId, sessionId, nodeId, withTable, leaseSeconds, tombstones });
    const registration = {
      node_id: nodeId,
      version: VERSION,
      public_key: identity.publicKey,
      with_table: withTable,
      lease_seconds: leaseSeconds,
      signature: sign(null, bytes, identity.privateKey).toString('base64url'),
      ...(succeeds && { succeeds }),
      ...(tombstones.length > 0 && { tombstones: tombstones.map(toWire) }),
    };
    // Saved before the request, so that a successor can prove the end of this session if the process ends.
    this.stateFile?.add(identity);
    wanted.sent = true;
    const admission = await this.#request(() => this.controlPlane.register(sessionId, registration, signal));
    const { epoch, accepted, receipt_retention_days: days } = admission;
    if (this.#pendingRegistration !== wanted) return;
    this.#pendingRegistration = undefined;
    const before = this.#identity;
    if (before) this.#predecessors.push(before);
    if (succeeds) this.#removePredecessor(succeeds);
    this.#identity = identity;
    const old = this.stateFile?.savedBefore(this.clock.now() - days * DAY_MS) ?? [];
    if (old.length > 0) {
      this.dispatch({ kind: 'expired', tombstones: old });
      this.#hasUnsavedTombstones = true;
    }
    const effects = this.dispatch({ kind: 'registered', sessionId, epoch, accepted: accepted.map(fromWire) });
    for (const wake of this.#registrationWaiters.splice(0)) wake();
    if (effects.some((effect) => effect.do === 'take_snapshot')) this.events.takeSnapshot();
  }

  /** Sends one report. @returns whether a report was due @throws when the report was not accepted */
  async report(signal: AbortSignal, leaving = false): Promise<boolean> {
    const identity = this.#identity;
    if (!identity || !this.#state.session) return false;
    const at = this.now();
    const effects = leaving
      ? await this.dispatchWhenIdle((requestsUnderWay) => ({ kind: 'send', at: this.now(), leaving, requestsUnderWay }), signal)
      : this.dispatch({ kind: 'send', at, leaving, requestsUnderWay: 0 });
    const said = effects.find((effect) => effect.do === 'report');
    this.#saveTombstones();
    const { session } = this.#state;
    if (!said || !session) return false;
    const usage = this.usage.take(USAGE_ROWS_MAX);
    const succeeds = said.revision > 0 || !this.hasHaproxy ? this.#succession(identity) : undefined;
    const body = {
      epoch: session.epoch,
      counter: said.counter,
      applied_revision: said.revision,
      // The table may be newer than the acknowledged revision, because deletions are applied at once.
      newest_revision: Math.max(said.newestRevision, this.keys.newestRevision),
      digest: this.keys.digest,
      lease_seconds: longerLease(said.leaseSeconds, this.events.grantedLeaseSeconds()),
      leaving: said.leaving,
    };
    const report: SessionReport = {
      ...body,
      signature: this.#sign(identity, body),
      ...(succeeds && { succeeds }),
      ...(usage.length > 0 && { usage }),
    };
    let terms: SessionTerms;
    const sent = this.now();
    try {
      terms = await this.#request(() => this.controlPlane.report(identity.sessionId, report, signal));
    } catch (error) {
      this.usage.restore(usage);
      throw error;
    }
    if (succeeds) this.#removePredecessor(succeeds);
    // One report proves the end of one predecessor; the next report proves that of the next one.
    if (succeeds && this.#predecessors.length > 0) this.events.reportSoon();
    if (leaving) {
      this.stateFile?.remove(identity.sessionId);
      return true;
    }
    this.keys.knownRevision = Math.max(this.keys.knownRevision, terms.revision);
    const { epoch, counter, previous_counter: previousCounter, revision, lease_seconds: leaseSeconds } = terms;
    this.dispatch({ kind: 'answered', terms: { epoch, counter, previousCounter, revision, leaseSeconds }, at: this.now() });
    this.#lastContactAt = at.monotonicMs;
    if (Number.isFinite(terms.time_ms)) this.#clockOffset = clockOffset(terms.time_ms, sent, this.now()) ?? this.#clockOffset;
    return true;
  }

  /** Dispatches an error response of the control plane as an event, whichever request caused it. */
  handleRefusal(error: unknown): void {
    if (!(error instanceof ControlPlaneRefusal)) return;
    const because = error.session ?? (error.denied ? 'revoked' : undefined);
    if (because === 'held' || because === 'epoch' || because === 'unknown') this.#sendsTombstones = true;
    if (because) this.dispatch({ kind: 'refused', because, at: this.now() });
  }

  async #request<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      this.handleRefusal(error);
      throw error;
    }
  }

  #sign(identity: SessionIdentity, body: Omit<SessionReport, 'signature' | 'succeeds' | 'usage'>): string {
    const bytes = reportBytes({
      gatewayId: this.config.instanceId,
      epoch: body.epoch,
      sessionId: identity.sessionId,
      counter: body.counter,
      revision: body.applied_revision,
      newestRevision: body.newest_revision,
      digest: body.digest,
      leaseSeconds: body.lease_seconds,
      leaving: body.leaving,
    });
    return sign(null, bytes, identity.privateKey).toString('base64url');
  }

  #removePredecessor({ session_id }: SessionSuccession): void {
    this.#predecessors = this.#predecessors.filter(({ sessionId }) => sessionId !== session_id);
    this.stateFile?.remove(session_id);
  }

  /** A signed proof that a predecessor has ended: its keys were dropped, or belong to this session now. */
  #succession({ sessionId, publicKey }: SessionIdentity): SessionSuccession | undefined {
    const own = this.#identity?.sessionId === sessionId ? undefined : this.#identity;
    const predecessor = [...this.#predecessors, ...(own ? [own] : [])].find((each) => each.sessionId !== sessionId);
    if (!predecessor) return undefined;
    const bytes = successionBytes({
      gatewayId: this.config.instanceId,
      predecessorId: predecessor.sessionId,
      successorId: sessionId,
      successorPublicKey: publicKey,
    });
    return { session_id: predecessor.sessionId, signature: sign(null, bytes, predecessor.privateKey).toString('base64url') };
  }
}
