import { setTimeout as delay } from 'node:timers/promises';
import type { EventSourceMessage } from 'eventsource-parser';
import type { Logger } from 'pino';
import type { ChangeEvent, Heartbeat } from '../lib/protocol/protocol.js';
import { backOff } from './backoff.js';
import { type ControlPlane, ControlPlaneRefusal } from './control-plane.js';
import type { HeldKeys } from './held-keys.js';
import { KeyTable } from './key-table.js';
import type { Lease } from './lease.js';
import { type Plan, planOf, without } from './pointers.js';

/** Where keys live besides this process's memory: an HAProxy. */
export interface Mirror {
  /** Resolves when it signs with this table and nothing older; undefined: when it signs nothing. */
  follow(table: KeyTable | undefined, signal: AbortSignal): Promise<void>;
}

const RECONNECT = { firstMs: 50, longestMs: 5000 };
const STALE_RETRY_MS = 25;
const STALE_RETRIES = 20;
/** This many heartbeats that tell of a revision which did not come: something was lost on the way. */
const HEARTBEATS_BEHIND = 2;

/** Keeps the key table in step with the control plane: snapshot, then changes in order, and a snapshot again whenever in doubt. */
export class Follower {
  /** Received, not yet applied. */
  #pending: ChangeEvent[] = [];
  #received = 0;
  #resync = true;
  #draining = false;
  #behind = 0;
  #attempt = new AbortController();

  constructor(
    private readonly controlPlane: ControlPlane,
    private readonly held: HeldKeys,
    private readonly mirrors: readonly Mirror[],
    private readonly lease: Lease,
    /** The table holds everything up to `held.appliedRevision`, here and in every mirror, or nothing at all. */
    private readonly onApplied: () => void,
    private readonly logger: Logger,
  ) {}

  /** Runs until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    for (let failures = 0; !signal.aborted; failures++) {
      // Ends the watch when something that it brought cannot be applied.
      const attempt = (this.#attempt = new AbortController());
      const either = AbortSignal.any([signal, attempt.signal]);
      try {
        this.#pending = [];
        this.#behind = 0;
        if (!this.held.synced) this.#resync = true;
        if (this.#resync) {
          // On the list first, keys second.
          await this.lease.begun(either);
          await this.#takeSnapshot(either);
        }
        this.#received = this.held.appliedRevision;
        await this.controlPlane.watch(
          this.held.appliedRevision,
          either,
          () => (failures = 0),
          (event) => this.#receive(event, either, (error) => attempt.abort(error)),
        );
      } catch (error) {
        if (signal.aborted) return;
        this.#fail(attempt.signal.aborted ? attempt.signal.reason : error);
      } finally {
        attempt.abort();
      }
      await backOff(failures, RECONNECT, signal);
    }
  }

  #fail(error: unknown): void {
    this.logger.warn({ err: error }, 'not in step with the control plane');
    if (error instanceof ControlPlaneRefusal && error.denied) this.denied();
  }

  /**
   * The control plane does not take this node's word any more: its credential was revoked, another process reports in its name,
   * or the control plane was restored from a backup. It has no keys until it has been through everything again.
   */
  denied(): void {
    if (this.held.synced) this.logger.error('the control plane denies this node: its keys are dropped');
    this.held.drop();
    this.lease.end();
    this.#attempt.abort(new Error('denied'));
    // It is admitted again by a report, and not before.
    this.onApplied();
    void this.#mirror(undefined, AbortSignal.timeout(STALE_RETRY_MS * STALE_RETRIES)).catch(() => undefined);
  }

  #receive(message: EventSourceMessage, signal: AbortSignal, fail: (error: unknown) => void): void {
    if (signal.aborted) return;
    try {
      if (message.event === 'resync') this.#resync = true;
      else if (message.event === 'heartbeat') this.#heartbeat(JSON.parse(message.data) as Heartbeat);
      else if (message.event === 'change') this.#change(JSON.parse(message.data) as ChangeEvent);
    } catch (error) {
      fail(error);
      return;
    }
    if (!this.#draining) void this.#drain(signal).catch(fail);
  }

  #change(event: ChangeEvent): void {
    if (!Number.isSafeInteger(event.revision) || !Array.isArray(event.changes)) throw new Error('a change without revision or pointers');
    this.held.knownRevision = Math.max(this.held.knownRevision, event.revision);
    if (event.revision <= this.#received) return;
    if (event.revision > this.#received + 1) this.#resync = true;
    this.#received = event.revision;
    this.#behind = 0;
    this.#pending.push(event);
    // A deleted key is dropped before anything else, even while an earlier change is still being looked up.
    this.#forget(planOf([event], this.held.table));
  }

  #heartbeat({ revision }: Heartbeat): void {
    this.held.knownRevision = Math.max(this.held.knownRevision, revision);
    this.#behind = revision > this.#received ? this.#behind + 1 : 0;
    if (this.#behind >= HEARTBEATS_BEHIND) this.#resync = true;
  }

  #forget(plan: Plan): void {
    this.held.switchTo(plan.instanceGone ? KeyTable.EMPTY : without(this.held.table, plan));
  }

  async #drain(signal: AbortSignal): Promise<void> {
    this.#draining = true;
    try {
      while (!signal.aborted && (this.#resync || this.#pending.length > 0)) {
        if (this.#resync) await this.#takeSnapshot(signal);
        else await this.#applyPending(signal);
      }
    } finally {
      this.#draining = false;
    }
  }

  async #takeSnapshot(signal: AbortSignal): Promise<void> {
    this.#resync = false;
    try {
      const snapshot = await this.#atLeast(this.held.appliedRevision, () => this.controlPlane.snapshot(signal), signal);
      signal.throwIfAborted();
      await this.#switchTo(KeyTable.from(snapshot, this.held.table), snapshot.revision, signal);
      this.#received = Math.max(this.#received, snapshot.revision);
      this.#behind = 0;
      this.logger.info({ revision: snapshot.revision, publications: snapshot.publications.length }, 'took a snapshot');
    } catch (error) {
      this.#resync = true;
      throw error;
    }
  }

  async #applyPending(signal: AbortSignal): Promise<void> {
    const batch = this.#pending;
    const revision = batch.at(-1)?.revision ?? this.held.appliedRevision;
    const plan = planOf(batch, this.held.table);
    if (plan.instanceGone) this.held.switchTo(KeyTable.EMPTY);
    if (plan.everything || plan.instanceGone) {
      this.#resync = true;
      return;
    }
    let table = without(this.held.table, plan);
    if (plan.publishIds.size + plan.signIds.size > 0) {
      const asked = { publishIds: [...plan.publishIds], signIds: [...plan.signIds] };
      const part = await this.#atLeast(revision, () => this.controlPlane.snapshot(signal, asked), signal);
      signal.throwIfAborted();
      // Whatever was deleted meanwhile is gone from the table by now, but may be in the answer.
      table = without(this.held.table, plan).withPart(part, asked);
    }
    await this.#switchTo(table, revision, signal);
  }

  /** Switches, mirrors, and only then lets the revision be acknowledged. */
  async #switchTo(table: KeyTable, revision: number, signal: AbortSignal): Promise<void> {
    this.#pending = this.#pending.filter((event) => event.revision > revision);
    this.held.switchTo(without(table, planOf(this.#pending, table)));
    await this.#mirror(this.held.table, signal);
    signal.throwIfAborted();
    this.held.applied(revision);
    this.onApplied();
  }

  async #mirror(table: KeyTable | undefined, signal: AbortSignal): Promise<void> {
    for (const mirror of this.mirrors) await mirror.follow(table, signal);
  }

  /**
   * An answer from a control plane that is not as far as this node (another process on a database that lags) would bring
   * deleted keys back: it is asked again, and given up.
   */
  async #atLeast<T extends { revision: number }>(revision: number, ask: () => Promise<T>, signal: AbortSignal): Promise<T> {
    for (let attempt = 0; ; attempt++) {
      const answer = await ask();
      if (answer.revision >= revision) return answer;
      if (attempt === STALE_RETRIES)
        throw new Error(
          `the control plane is at revision ${answer.revision} and was at ${revision}; if its database was restored, restart this node`,
        );
      await delay(STALE_RETRY_MS, undefined, { signal });
    }
  }
}
