import type { AuditEvent } from './audit-event.entity.js';
import type { Place } from './chain-walk.js';

/** Action of the rows of the chain of checkpoints. */
export const PRUNE = 'PruneAuditTrail';

/** What a checkpoint says of the chain it cut: its last row that is gone, that row's hash, and how many went. */
export interface Checkpoint extends Place {
  events: number;
}

/** The chain that a row of the chain of checkpoints is about, and where it begins since. */
export function checkpointOf({ action, resourceId, detail }: AuditEvent): { scopeId: string; place: Place } | undefined {
  if (action !== PRUNE || detail === null) return undefined;
  const { seq, hash } = JSON.parse(detail) as Checkpoint;
  return { scopeId: resourceId, place: { seq, hash } };
}
