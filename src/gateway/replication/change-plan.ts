import type { ChangeEvent } from '../../lib/protocol/protocol.js';
import type { KeyTable } from '../keys/key-table.js';

/** What a batch of changes requires. */
export interface ChangePlan {
  /** Keys that are dropped without a look-up. */
  deletedSigns: Set<string>;
  deletedPublications: Set<string>;
  /** Publications that are fetched in a partial snapshot. */
  publishIds: Set<string>;
  signIds: Set<string>;
  /** Whether a whole snapshot is needed: for a change that can affect any route, or whose kind this version does not know. */
  needsSnapshot: boolean;
  /** Whether the gateway was deleted. */
  instanceDeleted: boolean;
}

/** Kinds of changes that never affect signing. */
const WITHOUT_EFFECT = new Set([
  'api',
  'feature',
  'channel',
  'role',
  'project',
  'group',
  'node',
  'verifier',
  'gateway_token',
  'session',
  'reveal',
  'recovery',
]);
/** Maximum number of ids, which limits the query string of a partial snapshot. With more ids, a full snapshot is cheaper. */
const LOOK_UPS = 100;

/** @param table changes of keys that the table does not contain are ignored */
export function planChanges(events: readonly ChangeEvent[], table: KeyTable): ChangePlan {
  const plan: ChangePlan = {
    deletedSigns: new Set(),
    deletedPublications: new Set(),
    publishIds: new Set(),
    signIds: new Set(),
    needsSnapshot: false,
    instanceDeleted: false,
  };
  for (const { kind, id, op } of events.flatMap(({ changes }) => changes)) {
    if (kind === 'sign') {
      if (op === 'deleted') plan.deletedSigns.add(id);
      // A key that is not bound arrives together with the publication to which it is bound later.
      else if (op === 'updated' && table.hasKey(id)) plan.signIds.add(id);
    } else if (kind === 'publication') {
      if (op === 'deleted') plan.deletedPublications.add(id);
      else plan.publishIds.add(id);
    } else if (kind === 'settings') {
      // Settings change the admission rules.
      plan.needsSnapshot = true;
    } else if (kind === 'environment') {
      // A new name affects all publications of the environment. When the environment is deleted, each publication has a change of its own.
      if (op === 'updated') plan.needsSnapshot = true;
    } else if (kind === 'instance') {
      if (op === 'deleted') plan.instanceDeleted = true;
    } else if (!WITHOUT_EFFECT.has(kind)) plan.needsSnapshot = true;
  }
  for (const id of plan.deletedSigns) plan.signIds.delete(id);
  for (const id of plan.deletedPublications) plan.publishIds.delete(id);
  if (plan.publishIds.size + plan.signIds.size > LOOK_UPS) plan.needsSnapshot = true;
  return plan;
}

/** Returns the table without what the plan deletes. */
export const applyDeletions = (table: KeyTable, { deletedSigns, deletedPublications }: ChangePlan): KeyTable =>
  table.withoutPublications(deletedPublications).withoutKeys(deletedSigns);
