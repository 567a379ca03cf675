import type { Logger } from 'pino';
import type { Session } from '../session/session.js';

const CHECK_INTERVAL_MS = 500;
/**
 * Offset of the clock at which a warning is logged. Verifiers refuse signatures whose date differs from their own clock by more than 15
 * minutes. The threshold is far below that, and far above network delays.
 */
const OFFSET_WARN_MS = 60_000;

/**
 * Logs when half of the lease has passed without a response from the control plane, and when the two wall clocks differ. It only logs:
 * whether a node signs, and whether it is ready, depends on its lease alone.
 */
export class ContactMonitor {
  #silent = false;
  #skewed = false;
  readonly #timer: NodeJS.Timeout;

  constructor(
    private readonly session: Pick<Session, 'leaseSeconds' | 'leftMs' | 'clockOffset'>,
    private readonly logger: Logger,
  ) {
    this.#timer = setInterval(() => this.#check(), CHECK_INTERVAL_MS);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #check(): void {
    this.#checkLease();
    this.#checkClock();
  }

  #checkLease(): void {
    const { leaseSeconds, leftMs } = this.session;
    const silent = typeof leaseSeconds === 'number' && leaseSeconds > 0 && leftMs <= leaseSeconds * 500;
    if (silent && !this.#silent) {
      const leftSeconds = Math.max(0, Math.round(leftMs / 1000));
      this.logger.error(
        { leftSeconds },
        'half of the lease has passed without a response from the control plane; this node stops signing when the lease expires',
      );
    } else if (!silent && this.#silent) this.logger.warn('the control plane responds again');
    this.#silent = silent;
  }

  #checkClock(): void {
    const { clockOffset: offset } = this.session;
    if (!offset) return;
    const skewed = Math.abs(offset.ms) - offset.errorMs > OFFSET_WARN_MS;
    if (skewed && !this.#skewed) {
      const offsetSeconds = Math.round(offset.ms / 1000);
      this.logger.error(
        { offsetSeconds },
        `this machine's clock is ${Math.abs(offsetSeconds)} s ${offset.ms > 0 ? 'ahead of' : 'behind'} the control plane's: check both, ` +
          'because backends refuse signatures from a clock that is minutes off',
      );
    } else if (!skewed && this.#skewed) this.logger.warn("this machine's clock and the control plane's agree again");
    this.#skewed = skewed;
  }
}
