import { Clock } from '../../src/platform/common/clock.js';
import type { AttemptRow } from '../../src/webhooks/delivery/attempt-row.js';
import type { ClaimedMessage } from '../../src/webhooks/delivery/delivery-queue.js';
import { DeliverySession } from '../../src/webhooks/delivery/delivery-session.js';
import { DeliveryService } from '../../src/webhooks/delivery/delivery.service.js';
import { HousekeepingService } from '../../src/webhooks/delivery/housekeeping.service.js';
import type { TestService } from './service.js';

/** A manual clock for a service in this process, so that schedules of days pass at once. */
export class MovedClock {
  #aheadMs = 0;
  #stoppedAtMs: number | undefined;

  constructor(private readonly service: TestService) {
    const clock = service.app.get(Clock);
    const now = clock.now.bind(clock);
    clock.now = () => (this.#stoppedAtMs ?? now()) + this.#aheadMs;
  }

  now = () => this.service.app.get(Clock).now();

  /** Only {@link advance} and {@link pass} move the time while the work lasts, so that it may take any time itself. */
  async stopped(work: () => Promise<void>): Promise<void> {
    this.#stoppedAtMs = this.now() - this.#aheadMs;
    try {
      await work();
    } finally {
      this.#stoppedAtMs = undefined;
    }
  }

  /** Advances the time, and waits until all due work is done. */
  async advance(ms: number): Promise<void> {
    this.#aheadMs += ms;
    await this.settled();
  }

  /** Only advances the time. */
  async pass(ms: number): Promise<void> {
    this.#aheadMs += ms;
  }

  /** Waits until nothing is due, and until a new service may deliver. */
  async settled(): Promise<void> {
    await this.service.app.get(DeliverySession, { strict: false }).whenReady();
    await this.service.app.get(DeliveryService, { strict: false }).idle();
  }

  /** Runs the housekeeping. */
  async tidied(): Promise<void> {
    // The time is later than the end of the previous tick's lease.
    this.#aheadMs += 200_000;
    await this.service.app.get(HousekeepingService, { strict: false }).tick();
  }
}

/** An attempt that was answered with 200. */
export const delivered = (message: ClaimedMessage) => ({
  message,
  verdict: { status: 'succeeded' as const },
  attempt: {
    messageId: message.id,
    attemptNo: message.attemptCount + 1,
    id: message.id,
    responseStatus: 200,
    responseLatencyMs: 1,
    processingMs: 1,
    errorText: null,
    responseHeaders: null,
    requestHeaders: '{}',
    retryType: null,
    retryAfterSeconds: null,
    resolvedIp: null,
    dnsMs: null,
    tcpConnectMs: null,
    tlsHandshakeMs: null,
    ttfbMs: null,
    transferMs: null,
    connReused: false,
    responseBodyTruncated: false,
    createdAt: 1,
  } satisfies AttemptRow,
});
