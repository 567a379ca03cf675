import type { Logger } from 'pino';
import { VERSION } from '../config/config.js';
import { NODE_REPORT_SECONDS, type NodeReport } from '../lib/protocol/protocol.js';
import { backOff } from './backoff.js';
import { type ControlPlane, ControlPlaneRefusal } from './control-plane.js';
import type { HeldKeys } from './held-keys.js';
import type { Lease } from './lease.js';
import type { UsageCounter } from './usage-counter.js';

const RETRY = { firstMs: 50, longestMs: 1000 };
const LEASE_PART = 3;
const CONFLICT = 409;
/** Of one report, as the control plane takes them. */
const USAGE_MAX = 10_000;

/** Tells the control plane how far this node is: at once after every switch, and every few seconds as a sign of life. */
export class Reporter {
  #reported = -1;
  /** The lease that the control plane knows this node to go by. */
  #reportedLease: number | null = null;
  #wake: (() => void) | undefined;

  constructor(
    private readonly controlPlane: ControlPlane,
    private readonly held: HeldKeys,
    private readonly lease: Lease,
    private readonly usage: UsageCounter,
    private readonly onDenied: () => void,
    /** Tells this process from others of the same name. */
    private readonly startedAt: number,
    private readonly logger: Logger,
  ) {}

  /** Runs until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    for (let failures = 0; !signal.aborted; ) {
      // Changes that come while a report is under way are acknowledged together by the next one.
      if (this.#reported >= this.held.appliedRevision && this.#reportedLease === this.lease.seconds) await this.#pause(signal);
      if (signal.aborted) return;
      if (await this.#report(signal)) failures = 0;
      else await backOff(failures++, RETRY, signal);
    }
  }

  /** Reports now: there is something new to say, or to ask. */
  acknowledge(): void {
    this.#reported = -1;
    this.#wake?.();
  }

  /**
   * The last counts, as far as the control plane is there to take them.
   * @param leaving nothing signs in this node's name any more, so that receipts need not wait for it
   */
  async finish({ leaving }: { leaving: boolean }): Promise<void> {
    await this.#report(AbortSignal.timeout(1000), leaving);
  }

  async #pause(signal: AbortSignal): Promise<void> {
    // A report may have been answered while the node was told to stop.
    if (signal.aborted) return;
    const seconds = this.lease.seconds === null ? NODE_REPORT_SECONDS : Math.min(NODE_REPORT_SECONDS, this.lease.seconds / LEASE_PART);
    await new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        this.#wake = undefined;
        resolve();
      };
      const timer = setTimeout(done, seconds * 1000);
      signal.addEventListener('abort', done, { once: true });
      this.#wake = done;
    });
  }

  async #report(signal: AbortSignal, leaving = false): Promise<boolean> {
    const revision = this.held.appliedRevision;
    const usage = this.usage.take(USAGE_MAX);
    const lease = this.lease.seconds;
    const sentAt = this.lease.now();
    try {
      const report: NodeReport = {
        applied_revision: revision,
        version: VERSION,
        started_at: this.startedAt,
        ...(usage.length > 0 && { usage }),
        ...(lease !== null && { lease_seconds: lease }),
        ...(leaving && { leaving }),
      };
      const terms = await this.controlPlane.report(report, signal);
      if (leaving) return true;
      this.lease.renew(sentAt, terms);
      this.#reportedLease = lease;
      this.held.knownRevision = Math.max(this.held.knownRevision, terms.revision);
      this.#reported = revision;
      return true;
    } catch (error) {
      this.usage.giveBack(usage);
      if (signal.aborted) return false;
      this.logger.warn({ err: error }, 'the control plane did not take a report');
      if (error instanceof ControlPlaneRefusal && (error.denied || error.status === CONFLICT)) {
        this.#reported = -1;
        this.onDenied();
      }
      return false;
    }
  }
}
