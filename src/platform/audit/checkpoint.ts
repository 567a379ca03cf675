import type { AuditEvent } from './audit-event.entity.js';
import type { Place } from './chain-walk.js';

/** Action of rows in the chain of checkpoints. */
export const PRUNE = 'PruneAuditTrail';

/** A checkpoint of a pruned chain: number and hash of the last removed row, and how many were removed. */
export interface Checkpoint extends Place {
  events: number;
}

/** The chain that a checkpoint row is about, and its new start. */
export function checkpointOf({ action, resourceId, detail }: AuditEvent): { scopeId: string; place: Place } | undefined {
  if (action !== PRUNE || detail === null) return undefined;
  const { seq, hash } = JSON.parse(detail) as Checkpoint;
  return { scopeId: resourceId, place: { seq, hash } };
}
