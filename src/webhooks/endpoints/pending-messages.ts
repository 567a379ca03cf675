import type { Write } from '../../platform/changes/changes.service.js';

/**
 * Changes the unfinished messages of an endpoint when the endpoint changes. The class is abstract, because messages depend on endpoints;
 * the delivery module implements it. Every method runs in a write of the endpoint, under its lock. It may run again, so it must have no
 * effects outside the database.
 */
export abstract class PendingMessages {
  /** Creates the queue row of a new endpoint. */
  abstract createQueue(write: Write, endpointId: string): Promise<void>;
  /** Parks the waiting messages. */
  abstract pause(write: Write, endpointId: string): Promise<void>;
  /** Makes parked messages due again. @returns the number of messages */
  abstract resume(write: Write, endpointId: string): Promise<number>;
  /** Fails the waiting messages for good (docs/contracts/endpoints.md §1.15). */
  abstract fail(write: Write, endpointId: string): Promise<void>;
}
