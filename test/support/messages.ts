import { Clock } from '../../src/common/clock.js';
import { DeliveryService } from '../../src/messages/delivery.service.js';
import { HousekeepingService } from '../../src/messages/housekeeping.service.js';
import type { TestService } from './service.js';

/** The clock of a service in this process, moved by hand: schedules of days pass in no time. */
export class MovedClock {
  #aheadMs = 0;

  constructor(private readonly service: TestService) {
    const clock = service.app.get(Clock);
    const now = clock.now.bind(clock);
    clock.now = () => now() + this.#aheadMs;
  }

  now = () => this.service.app.get(Clock).now();

  /** Moves time on and waits until everything that is due then is done. */
  async advance(ms: number): Promise<void> {
    this.#aheadMs += ms;
    await this.settled();
  }

  /** Moves time on, and nothing more. */
  async pass(ms: number): Promise<void> {
    this.#aheadMs += ms;
  }

  /** Waits until nothing is due. */
  async settled(): Promise<void> {
    await this.service.app.get(DeliveryService, { strict: false }).idle();
  }

  /** Lets go what is past its time. */
  async tidied(): Promise<void> {
    // The lease of the tick before is over by then.
    this.#aheadMs += 200_000;
    await this.service.app.get(HousekeepingService, { strict: false }).tick();
  }
}
