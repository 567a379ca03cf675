import type { InstanceScope } from '../common/scope.js';
import type { Tx } from '../database/database.js';
import type { Usage } from '../lib/protocol/protocol.js';

const HOUR_MS = 3_600_000;
/** How far back usage is told. */
export const USAGE_WINDOW_HOURS = 24;

export const hourOf = (instant: number) => Math.floor(instant / HOUR_MS);

/** Adds what a node has signed to the hour in which it says so; keys and publications that are gone are left out. */
export async function addUsage(tx: Tx, { projectId, instanceId }: InstanceScope, usage: readonly Usage[], now: number): Promise<void> {
  const hour = hourOf(now);
  for (const { sign_id, publish_id, count, last_signed_at } of usage) {
    // A node's clock may be ahead.
    const last = Math.min(last_signed_at, now);
    const key = [sign_id, publish_id, hour];
    const { affected } = await tx.run(
      `UPDATE sign_usage SET times = times + ?, last_signed_at = CASE WHEN last_signed_at > ? THEN last_signed_at ELSE ? END
       WHERE sign_id = ? AND publish_id = ? AND hour = ?
       AND EXISTS (SELECT 1 FROM signs s WHERE s.id = sign_usage.sign_id AND s.instance_id = ? AND s.project_id = ?)`,
      [count, last, last, ...key, instanceId, projectId],
    );
    if (affected > 0) continue;
    const { affected: added } = await tx.run(
      `INSERT INTO sign_usage (sign_id, publish_id, hour, times, last_signed_at)
       SELECT s.id, p.id, ?, ?, ? FROM signs s JOIN publications p ON p.instance_id = s.instance_id
       WHERE s.id = ? AND p.id = ? AND s.instance_id = ? AND s.project_id = ?`,
      [hour, count, last, sign_id, publish_id, instanceId, projectId],
    );
    // A new hour has begun for this pair: what is out of the window goes.
    if (added > 0)
      await tx.run('DELETE FROM sign_usage WHERE sign_id = ? AND publish_id = ? AND hour < ?', [
        sign_id,
        publish_id,
        hour - USAGE_WINDOW_HOURS,
      ]);
  }
}
