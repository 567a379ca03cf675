import type { Write } from '../changes/changes.service.js';

/**
 * What becomes of an endpoint's unfinished messages when the endpoint is paused, resumed or deleted. Part of the endpoint's write: it
 * holds the endpoint's lock, may run again, and touches the database only. Injected by this class; messages/ knows how.
 */
export abstract class Backlog {
  /** Messages that wait are kept, undelivered. */
  abstract pause(write: Write, endpointId: string): Promise<void>;
  /** @returns how many messages are to be delivered again */
  abstract resume(write: Write, endpointId: string): Promise<number>;
  /** Nothing more is delivered: what waits has failed for good (endpoints §1.15). */
  abstract abandon(write: Write, endpointId: string): Promise<void>;
}
