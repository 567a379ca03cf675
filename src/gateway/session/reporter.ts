import type { Logger } from 'pino';
import { NODE_REPORT_SECONDS } from '../../lib/protocol/protocol.js';
import { backOff } from '../control-plane/backoff.js';
import type { Session } from './session.js';

const RETRY = { firstMs: 50, longestMs: 1000 };
const LEASE_PART = 3;
const FINISH_MS = 1000;

/** Registers the session, and then sends reports: after every switch of the table, and every few seconds as a heartbeat. */
export class Reporter {
  #due = true;
  /** Whether the gateway was deleted and nothing signs, so that the next report is the last one. */
  #isLeaving = false;
  #hasLeft = false;
  /** Revision of the newest report that was accepted. */
  #reportedRevision = 0;
  #wake: (() => void) | undefined;

  constructor(
    private readonly session: Session,
    private readonly logger: Logger,
  ) {}

  /** Runs until `signal` aborts, or until the gateway was deleted and the last report was accepted. */
  async run(signal: AbortSignal): Promise<void> {
    for (let failures = 0; !signal.aborted; ) {
      if (this.session.gatewayDeleted && this.session.needsRegistration) return;
      // The next report acknowledges all changes that arrive during a report.
      if (!this.#due && !this.session.needsRegistration) await this.#waitUntilDue(signal);
      if (signal.aborted) return;
      this.#due = false;
      // Acknowledges the applied revision before it leaves, because the last report does not acknowledge it.
      const { appliedRevision } = this.session;
      const last = this.#isLeaving && this.#reportedRevision >= appliedRevision;
      if (await this.#send(signal, last)) {
        if (last) {
          this.#hasLeft = true;
          return;
        }
        failures = 0;
        this.#reportedRevision = this.session.needsRegistration ? 0 : appliedRevision;
        if (this.#isLeaving) this.#due = true;
      } else {
        this.#due = true;
        await backOff(failures++, RETRY, signal);
      }
    }
  }

  /** Requests a report without delay. */
  reportSoon(): void {
    this.#due = true;
    this.#wake?.();
  }

  /** Requests the last report, because the gateway was deleted and nothing signs in this session. */
  reportLeaving(): void {
    this.#isLeaving = true;
    this.reportSoon();
  }

  /**
   * Sends the remaining usage counts. Failures are ignored.
   * @param leaving whether nothing signs in this session any more, so that receipts need not wait for it
   */
  async finish({ leaving }: { leaving: boolean }): Promise<void> {
    if (this.#hasLeft) return;
    await this.session.report(AbortSignal.timeout(FINISH_MS), leaving).catch(() => undefined);
  }

  async #send(signal: AbortSignal, last: boolean): Promise<boolean> {
    try {
      if (this.session.needsRegistration) await this.session.register(signal);
      else if (!(await this.session.report(signal, last))) return false;
      return true;
    } catch (error) {
      if (!signal.aborted) this.logger.warn({ err: error }, 'the control plane did not accept a report; retrying');
      return false;
    }
  }

  async #waitUntilDue(signal: AbortSignal): Promise<void> {
    // The signal may have aborted during the last report.
    if (signal.aborted) return;
    const lease = this.session.leaseSeconds ?? NODE_REPORT_SECONDS * LEASE_PART;
    const seconds = Math.min(NODE_REPORT_SECONDS, Math.max(lease, 1) / LEASE_PART);
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
}
