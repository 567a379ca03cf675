import type { Write } from '../../platform/changes/changes.service.js';

/**
 * Changes an endpoint's unfinished messages with the endpoint. Abstract, because messages depend on endpoints; the delivery module provides
 * the implementation. Every method runs in the endpoint's write, under its lock; it may run again, so it may only touch the database.
 */
export abstract class PendingMessages {
  /** Creates the queue row of a new endpoint. */
  abstract createQueue(write: Write, endpointId: string): Promise<void>;
  /** Parks waiting messages. */
  abstract pause(write: Write, endpointId: string): Promise<void>;
  /** Requeues parked messages. @returns how many */
  abstract resume(write: Write, endpointId: string): Promise<number>;
  /** Fails waiting messages permanently (docs/contracts/endpoints.md §1.15). */
  abstract fail(write: Write, endpointId: string): Promise<void>;
}
