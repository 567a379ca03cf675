import type { AuditEvent } from './audit-event.entity.js';
import type { Place } from './chain-walk.js';

/** Action of the rows in the chain of checkpoints. */
export const PRUNE = 'PruneAuditTrail';

/** A checkpoint of a pruned chain: the number and the hash of the last removed row, and how many rows were removed. */
export interface Checkpoint extends Place {
  events: number;
}

/** Returns the chain that a checkpoint row concerns, and the new start of that chain. */
export function checkpointOf({ action, resourceId, detail }: AuditEvent): { scopeId: string; place: Place } | undefined {
  if (action !== PRUNE || detail === null) return undefined;
  const { seq, hash } = JSON.parse(detail) as Checkpoint;
  return { scopeId: resourceId, place: { seq, hash } };
}
