import { padded, placeholders, type Tx } from '../../platform/database/tx.js';

/**
 * Every transaction that makes a message due must update delivery_queues with these functions, so that an endpoint is due no later than its
 * first message.
 */

/** `due_at` of an endpoint with a message due now; not before its rate limit allows. Two parameters, both the time now. */
const DUE_NOW = 'CASE WHEN limited_until > ? THEN limited_until ELSE ? END';

/**
 * Makes endpoints due now. An endpoint that is already due is only read, under a shared lock. So concurrent senders do not wait for each
 * other, while {@link deferIdle} needs the exclusive lock.
 */
export async function makeDue(tx: Tx, endpointIds: Iterable<string>, now: number): Promise<void> {
  const idle = new Set(endpointIds);
  if (idle.size === 0) return;
  const all = padded([...idle].sort());
  const active = await tx.rows<{ id: string }>(
    `SELECT endpoint_id AS id FROM delivery_queues WHERE endpoint_id IN (${placeholders(all)}) AND due_at <= ${DUE_NOW}
     ${tx.engine === 'mariadb' ? 'LOCK IN SHARE MODE' : ''}`,
    [...all, now, now],
  );
  for (const { id } of active) idle.delete(id);
  if (idle.size === 0) return;
  const ids = padded([...idle].sort());
  await tx.run(`UPDATE delivery_queues SET due_at = ${DUE_NOW} WHERE endpoint_id IN (${placeholders(ids)})`, [now, now, ...ids]);
}

/** Makes an endpoint due at a later time, unless it is due earlier. */
export async function makeDueLater(tx: Tx, endpointId: string, dueAt: number): Promise<void> {
  await tx.run('UPDATE delivery_queues SET due_at = ? WHERE endpoint_id = ? AND (due_at IS NULL OR due_at > ?)', [
    dueAt,
    endpointId,
    dueAt,
  ]);
}

/** Moves endpoints without due messages to the time of their next message. Skips an endpoint for which a message is being accepted. */
export async function deferIdle(tx: Tx, endpointIds: readonly string[], now: number): Promise<void> {
  const mariadb = tx.engine === 'mariadb';
  const all = padded(endpointIds);
  const locked = await tx.rows<{ id: string }>(
    `SELECT endpoint_id AS id FROM delivery_queues WHERE endpoint_id IN (${placeholders(all)}) AND due_at <= ?
     ${mariadb ? 'FOR UPDATE SKIP LOCKED' : ''}`,
    [...all, now],
  );
  if (locked.length === 0) return;
  const ids = padded(locked.map(({ id }) => id));
  await tx.run(
    `UPDATE delivery_queues SET due_at = (SELECT MIN(m.due_at) FROM messages m WHERE m.endpoint_id = delivery_queues.endpoint_id
       AND m.due_at IS NOT NULL) WHERE endpoint_id IN (${placeholders(ids)})`,
    ids,
  );
}
