import type { ChangesService, Write } from '../../platform/changes/changes.service.js';
import type { Scope } from '../../platform/common/scope.js';
import { Committed } from '../../platform/common/committed.js';
import type { Database, Reads } from '../../platform/database/database.js';
import { columnsOf, type RowOf } from '../../platform/database/columns.js';
import { type EndpointScope, inEndpoint } from './endpoint-scope.js';
import { DeliveryLogEntry } from './delivery-log.entity.js';

/** The scope of all endpoints together. There is only one, because every delivering process signs for all endpoints. */
export const DELIVERIES: Scope = { kind: 'deliveries', id: 'webhook-deliveries' };

/** Subquery for the revision of {@link DELIVERIES}. As part of a SELECT it is consistent with the other rows of that SELECT. */
export const DELIVERIES_REVISION = `(SELECT revision FROM change_counters WHERE scope_kind = '${DELIVERIES.kind}' AND scope_id = '${DELIVERIES.id}')`;

const NEW_ENTRY = columnsOf(DeliveryLogEntry).all();
const LOGGED = columnsOf(DeliveryLogEntry).pick('revision', 'endpointRevision', 'createdAt');

/** An entry of the delivery log. */
export type Logged = RowOf<typeof LOGGED>;

/**
 * Runs a write of an endpoint that has a receipt. The receipt is complete when no attempt uses the state before the write any more.
 * @param body must call {@link endsSignatures} if it changes what attempts read
 * @throws EndpointNotFound
 */
export async function writtenOfEndpoint<T>(
  changes: ChangesService,
  database: Database,
  scope: EndpointScope,
  body: (write: Write) => Promise<T>,
): Promise<Committed<T>> {
  const written = await changes.commit(inEndpoint(scope), body);
  if (written.receiptTarget) return written;
  // Nothing was changed, so the receipt is that of the last write that changed something.
  const last = await loggedThrough(database, scope.endpointId, written.revision);
  return last
    ? new Committed(written.value, written.scope, last.endpointRevision, written.epoch, { scope: DELIVERIES, revision: last.revision })
    : written;
}

/**
 * Records the write in the delivery log, which gives it a receipt. Must be the last call in the body, because it locks the counter of all
 * endpoints until the commit.
 */
export async function endsSignatures(write: Write): Promise<void> {
  const where = 'WHERE scope_kind = ? AND scope_id = ?';
  const { affected } = await write.run(`UPDATE change_counters SET revision = revision + 1 ${where}`, [DELIVERIES.kind, DELIVERIES.id]);
  const [counter] = await write.rows<{ revision: number }>(`SELECT revision FROM change_counters ${where}`, [
    DELIVERIES.kind,
    DELIVERIES.id,
  ]);
  if (affected !== 1 || !counter) throw new Error('the change counter of webhook deliveries is missing');
  const revision = Number(counter.revision);
  const entry = { revision, endpointId: write.scope.id, endpointRevision: write.revision, createdAt: write.now };
  await write.run(NEW_ENTRY.insert(), NEW_ENTRY.values(entry));
  write.notify(DELIVERIES, revision);
  write.setReceiptTarget({ scope: DELIVERIES, revision });
}

/** Returns the newest entry of the log up to a revision of the endpoint. Its receipt covers all earlier entries. */
export async function loggedThrough(reads: Pick<Reads, 'rows'>, endpointId: string, endpointRevision: number): Promise<Logged | undefined> {
  const [row] = await reads.rows<Logged>(
    `SELECT ${LOGGED.select} FROM delivery_log
     WHERE endpoint_id = ? AND endpoint_revision <= ? ORDER BY endpoint_revision DESC LIMIT 1`,
    [endpointId, endpointRevision],
  );
  return row;
}
