import type { ChangeEvent } from '../lib/protocol/protocol.js';
import type { KeyTable } from './key-table.js';

/** What a batch of changes asks for. */
export interface Plan {
  /** Gone: their keys are dropped without a look-up. */
  deletedSigns: Set<string>;
  deletedPublications: Set<string>;
  /** To be looked up. */
  publishIds: Set<string>;
  signIds: Set<string>;
  /** Something that can change any route, or that this version does not know. */
  everything: boolean;
  /** The gateway itself was deleted. */
  instanceGone: boolean;
}

/** Kinds that never change which key signs what. */
const WITHOUT_EFFECT = new Set(['api', 'feature', 'channel', 'role', 'project', 'group', 'node', 'settings', 'gateway_token', 'reveal']);
/** An address of at most this many ids; beyond it a whole snapshot is the shorter way. */
const LOOK_UPS = 100;

/** @param table tells which keys and APIs this node has at all */
export function planOf(events: readonly ChangeEvent[], table: KeyTable): Plan {
  const plan: Plan = {
    deletedSigns: new Set(),
    deletedPublications: new Set(),
    publishIds: new Set(),
    signIds: new Set(),
    everything: false,
    instanceGone: false,
  };
  for (const { kind, id, op } of events.flatMap(({ changes }) => changes)) {
    if (kind === 'sign') {
      if (op === 'deleted') plan.deletedSigns.add(id);
      // A key that is bound to nothing here comes with the publication that is bound to it.
      else if (op === 'updated' && table.holds(id)) plan.signIds.add(id);
    } else if (kind === 'publication') {
      if (op === 'deleted') plan.deletedPublications.add(id);
      else plan.publishIds.add(id);
    } else if (kind === 'environment') {
      // Another name. A deleted one takes its publications along, with pointers of their own.
      if (op === 'updated') plan.everything = true;
    } else if (kind === 'instance') {
      if (op === 'deleted') plan.instanceGone = true;
    } else if (!WITHOUT_EFFECT.has(kind)) plan.everything = true;
  }
  for (const id of plan.deletedSigns) plan.signIds.delete(id);
  for (const id of plan.deletedPublications) plan.publishIds.delete(id);
  if (plan.publishIds.size + plan.signIds.size > LOOK_UPS) plan.everything = true;
  return plan;
}

/** The table without what a plan says is gone. */
export const without = (table: KeyTable, { deletedSigns, deletedPublications }: Plan): KeyTable =>
  table.withoutPublications(deletedPublications).withoutKeys(deletedSigns);
