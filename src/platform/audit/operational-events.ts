import type { OperationalEvent } from '../common/events.js';
import type { Tx } from '../database/tx.js';

/** Origin of an event. */
export interface EventSource {
  projectId: string;
  /** Unix time in milliseconds. */
  now: number;
}

/**
 * Sends an event to the subscribed endpoints of its project, as ordinary messages, in the transaction of the change: an event is sent if
 * and only if the change is committed. This class is the injection token; src/webhooks/messages implements it.
 */
export abstract class OperationalEvents {
  abstract emit(tx: Tx, source: EventSource, event: OperationalEvent): Promise<void>;
}
