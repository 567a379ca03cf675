import { setTimeout as delay } from 'node:timers/promises';
import type { EventSourceMessage } from 'eventsource-parser';
import type { Logger } from 'pino';
import type { ChangeEvent, Heartbeat, Snapshot } from '../../lib/protocol/protocol.js';
import type { NodeEvent } from '../../lib/receipts/node.js';
import { backOff } from '../control-plane/backoff.js';
import type { ControlPlaneClient } from '../control-plane/control-plane-client.js';
import type { KeyStore } from '../keys/key-store.js';
import { KeyTable } from '../keys/key-table.js';
import { type ChangePlan, planChanges, applyDeletions } from './change-plan.js';
import type { Session } from '../session/session.js';

/** A copy of the key table outside this process: an HAProxy. */
export interface ReplicationTarget {
  /** Resolves when the target signs with this table and with nothing older. @param table undefined: the target must sign nothing */
  apply(table: KeyTable | undefined, signal: AbortSignal): Promise<void>;
}

const RECONNECT = { firstMs: 50, longestMs: 5000 };
const STALE_RETRY_MS = 25;
const STALE_RETRIES = 20;
/** Number of heartbeats with a revision that has not arrived, after which a change counts as lost. */
const HEARTBEATS_BEHIND = 2;

/** Replicates the control plane's keys: a snapshot, then changes in order, and a new snapshot whenever the order is in doubt. */
export class ChangeReplicator {
  /** Changes that were received and are not applied yet. */
  #pending: ChangeEvent[] = [];
  #received = 0;
  #needsSnapshot = true;
  #draining = false;
  #heartbeatsBehind = 0;
  #attempt = new AbortController();
  /** Whether a watch or a snapshot of the current session is in progress. */
  #isFollowing = false;

  constructor(
    private readonly controlPlane: ControlPlaneClient,
    private readonly keys: KeyStore,
    private readonly targets: readonly ReplicationTarget[],
    private readonly session: Session,
    private readonly logger: Logger,
  ) {}

  /** Runs until `signal` aborts, or until the gateway was deleted and none of its keys is in use. */
  async run(signal: AbortSignal): Promise<void> {
    for (let failures = 0; !signal.aborted; failures++) {
      if (this.session.gatewayDeleted) return this.#clear(signal);
      // Ends the watch when an event cannot be applied.
      const attempt = (this.#attempt = new AbortController());
      const either = AbortSignal.any([signal, attempt.signal]);
      try {
        this.#pending = [];
        this.#heartbeatsBehind = 0;
        // Registers before it fetches keys, so that every receipt waits for this session.
        await this.session.whenRegistered(either);
        this.#isFollowing = true;
        if (!this.session.synced) this.#needsSnapshot = true;
        if (this.#needsSnapshot) await this.#takeSnapshot(either);
        this.#received = this.session.appliedRevision;
        await this.controlPlane.watch(
          this.#sessionId(),
          this.#received,
          either,
          () => (failures = 0),
          (event) => this.#receive(event, either, (error) => attempt.abort(error)),
        );
      } catch (error) {
        if (signal.aborted) return;
        this.#fail(attempt.signal.aborted ? attempt.signal.reason : error);
      } finally {
        this.#isFollowing = false;
        attempt.abort();
      }
      await backOff(failures, RECONNECT, signal);
    }
  }

  /** @throws the reason of the signal */
  async #clear(signal: AbortSignal): Promise<void> {
    this.keys.drop();
    await this.#applyToTargets(undefined, signal);
  }

  #fail(error: unknown): void {
    this.logger.warn({ err: error }, 'replication from the control plane failed; retrying');
    this.session.handleRefusal(error);
  }

  /** A new session has begun, so it needs a full snapshot of its own. */
  takeSnapshot(): void {
    this.#needsSnapshot = true;
    this.keys.restart();
    if (this.#isFollowing) this.#attempt.abort(new Error('a new session has begun'));
  }

  /** The control plane rejects this session: drops all keys until a new session has a snapshot. */
  dropKeys(): void {
    this.keys.drop();
    this.#attempt.abort(new Error('denied'));
    void this.#applyToTargets(undefined, AbortSignal.timeout(STALE_RETRY_MS * STALE_RETRIES)).catch(() => undefined);
  }

  #receive(message: EventSourceMessage, signal: AbortSignal, fail: (error: unknown) => void): void {
    if (signal.aborted) return;
    try {
      if (message.event === 'resync') this.#needsSnapshot = true;
      else if (message.event === 'heartbeat') this.#onHeartbeat(JSON.parse(message.data) as Heartbeat);
      else if (message.event === 'change') this.#onChange(JSON.parse(message.data) as ChangeEvent);
    } catch (error) {
      fail(error);
      return;
    }
    if (!this.#draining) void this.#drain(signal).catch(fail);
  }

  #onChange(event: ChangeEvent): void {
    if (!Number.isSafeInteger(event.revision) || !Array.isArray(event.changes))
      throw new Error('the control plane sent a change without revision or changes');
    this.keys.knownRevision = Math.max(this.keys.knownRevision, event.revision);
    if (event.revision <= this.#received) return;
    if (event.revision > this.#received + 1) this.#needsSnapshot = true;
    this.#received = event.revision;
    this.#heartbeatsBehind = 0;
    this.#pending.push(event);
    // Drops deleted keys at once, even while the snapshot for an earlier change is being fetched.
    this.#dropDeleted(planChanges([event], this.keys.table), event.revision);
  }

  #onHeartbeat({ revision }: Heartbeat): void {
    this.keys.knownRevision = Math.max(this.keys.knownRevision, revision);
    this.#heartbeatsBehind = revision > this.#received ? this.#heartbeatsBehind + 1 : 0;
    if (this.#heartbeatsBehind >= HEARTBEATS_BEHIND) this.#needsSnapshot = true;
  }

  #dropDeleted(plan: ChangePlan, revision: number): void {
    const table = plan.instanceDeleted ? KeyTable.EMPTY : applyDeletions(this.keys.table, plan);
    if (table !== this.keys.table) this.session.recordTableDiff(this.keys.switchTo(table, revision), revision);
  }

  #sessionId(): string {
    const { sessionId } = this.session;
    if (sessionId === undefined) throw new Error('there is no session');
    return sessionId;
  }

  async #drain(signal: AbortSignal): Promise<void> {
    this.#draining = true;
    try {
      while (!signal.aborted && (this.#needsSnapshot || this.#pending.length > 0)) {
        if (this.#needsSnapshot) await this.#takeSnapshot(signal);
        else await this.#applyPending(signal);
      }
    } finally {
      this.#draining = false;
    }
  }

  async #takeSnapshot(signal: AbortSignal): Promise<void> {
    this.#needsSnapshot = false;
    try {
      const snapshot = await this.#fetchSnapshot(signal);
      const { revision, epoch } = snapshot;
      await this.#switchTo(KeyTable.from(snapshot, this.keys.table), revision, revision, signal);
      const inEffect = (requestsUnderWay: number) => ({ kind: 'snapshot_in_effect', revision, epoch, requestsUnderWay }) as const;
      await this.#reportInEffect(inEffect, signal);
      this.#received = Math.max(this.#received, snapshot.revision);
      this.#heartbeatsBehind = 0;
      this.logger.info({ revision: snapshot.revision, publications: snapshot.publications.length }, 'applied a snapshot');
    } catch (error) {
      this.#needsSnapshot = true;
      throw error;
    }
  }

  async #applyPending(signal: AbortSignal): Promise<void> {
    const batch = this.#pending;
    const [first, revision] = [batch[0]?.revision ?? 0, batch.at(-1)?.revision ?? 0];
    let newest = revision;
    const plan = planChanges(batch, this.keys.table);
    if (plan.needsSnapshot && !plan.instanceDeleted) {
      this.#needsSnapshot = true;
      return;
    }
    // A deleted gateway has no snapshot. Only the revision is acknowledged.
    let table = plan.instanceDeleted ? KeyTable.EMPTY : applyDeletions(this.keys.table, plan);
    if (!plan.instanceDeleted && plan.publishIds.size + plan.signIds.size > 0) {
      const asked = { publishIds: [...plan.publishIds], signIds: [...plan.signIds] };
      const part = await this.#fetchAtLeast(revision, () => this.controlPlane.snapshot(this.#sessionId(), signal, asked), signal);
      signal.throwIfAborted();
      newest = part.revision;
      // The response may contain rows that were deleted in the meantime, so the deletions are applied again.
      table = applyDeletions(this.keys.table, plan).withPart(part, asked);
    }
    await this.#switchTo(table, revision, newest, signal);
    await this.#reportInEffect((requestsUnderWay) => ({ kind: 'applied', first, last: revision, newest, requestsUnderWay }), signal);
  }

  /** Switches this process and all targets to the table. @param newest the newest revision in the table */
  async #switchTo(table: KeyTable, revision: number, newest: number, signal: AbortSignal): Promise<void> {
    this.#pending = this.#pending.filter((event) => event.revision > revision);
    const latest = this.#pending.at(-1)?.revision ?? newest;
    this.session.recordTableDiff(this.keys.switchTo(applyDeletions(table, planChanges(this.#pending, table)), latest), latest);
    this.keys.knownRevision = Math.max(this.keys.knownRevision, revision);
    await this.#applyToTargets(this.keys.table, signal);
    signal.throwIfAborted();
  }

  /** Informs the session that a revision is in effect. The session decides whether it may be acknowledged. */
  async #reportInEffect(event: (requestsUnderWay: number) => NodeEvent, signal: AbortSignal): Promise<void> {
    const effects = await this.session.dispatchWhenIdle(event, signal);
    if (effects.some((effect) => effect.do === 'take_snapshot')) this.#needsSnapshot = true;
  }

  /** Fetches a full snapshot that the session accepts. */
  async #fetchSnapshot(signal: AbortSignal): Promise<Snapshot> {
    for (let attempt = 0; ; attempt++) {
      const snapshot = await this.controlPlane.snapshot(this.#sessionId(), signal);
      signal.throwIfAborted();
      const { revision, epoch } = snapshot;
      const effects = this.session.dispatch({ kind: 'snapshot', revision, epoch });
      if (effects.some((effect) => effect.do === 'apply_snapshot')) return snapshot;
      if (attempt === STALE_RETRIES)
        throw new Error(`the control plane is at revision ${revision}, which is older than a revision that it reported before`);
      await delay(STALE_RETRY_MS, undefined, { signal });
    }
  }

  async #applyToTargets(table: KeyTable | undefined, signal: AbortSignal): Promise<void> {
    for (const target of this.targets) await target.apply(table, signal);
  }

  /**
   * Retries until the response is at least at `revision`. A stale response, from a process whose database replica lags, would restore
   * deleted keys.
   * @throws Error when the responses stay stale
   */
  async #fetchAtLeast<T extends { revision: number }>(revision: number, ask: () => Promise<T>, signal: AbortSignal): Promise<T> {
    for (let attempt = 0; ; attempt++) {
      const answer = await ask();
      if (answer.revision >= revision) return answer;
      if (attempt === STALE_RETRIES) throw new Error(`the control plane is at revision ${answer.revision}, behind revision ${revision}`);
      await delay(STALE_RETRY_MS, undefined, { signal });
    }
  }
}
