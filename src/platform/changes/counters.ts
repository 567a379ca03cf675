import type { Scope } from '../common/scope.js';
import type { Tx } from '../database/database.js';
import { violates } from '../database/errors.js';
import { columnsOf } from '../database/columns.js';
import { ChangeCounter } from './change.entity.js';

const COUNTER = columnsOf(ChangeCounter).all();

/** Creates the counter of a scope. @throws an error that {@link isCounterTaken} recognises when the id already has a counter of any kind */
export async function insertCounter(tx: Tx, { kind, id }: Scope, projectId: string): Promise<void> {
  await tx.run(COUNTER.insert(), COUNTER.values({ scopeKind: kind, scopeId: id, projectId, revision: 0 }));
}

/** The unique keys that a second counter with the same id violates. */
export const COUNTER_KEYS = [
  { name: 'PRIMARY', columns: 'change_counters.scope_kind, change_counters.scope_id' },
  { name: 'uq_change_counters_scope', columns: 'change_counters.scope_id' },
];

export const isCounterTaken = (error: unknown): boolean => COUNTER_KEYS.some((key) => violates(error, key));
