import { HOUR_MS } from '../../platform/common/clock.js';
import type { InstanceScope } from '../../platform/common/scope.js';
import type { Tx } from '../../platform/database/database.js';
import { placeholders } from '../../platform/database/tx.js';
import { columnsOf } from '../../platform/database/columns.js';
import type { Usage } from '../../lib/protocol/protocol.js';
import { SignUsage } from './sign-usage.entity.js';

const USAGE = columnsOf(SignUsage).pick('signId', 'publishId', 'hour', 'times', 'lastSignedAt');

/** Length of the window in which usage is shown. */
export const USAGE_WINDOW_HOURS = 24;

export const hourOf = (instant: number) => Math.floor(instant / HOUR_MS);

/** Adds the number of signed requests to the hour of the report. Skips keys and publications that do not exist any more. */
export async function addUsage(tx: Tx, scope: InstanceScope, usage: readonly Usage[], now: number): Promise<void> {
  const { projectId, instanceId } = scope;
  const hour = hourOf(now);
  for (const { sign_id, publish_id, count, last_signed_at } of await ofTheGateway(tx, scope, merged(usage))) {
    // The clock of a node may be ahead of this one.
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
      `${USAGE.insertInto}
       SELECT s.id, p.id, ?, ?, ? FROM signs s JOIN publications p ON p.instance_id = s.instance_id
       WHERE s.id = ? AND p.id = ? AND s.instance_id = ? AND s.project_id = ?`,
      [hour, count, last, sign_id, publish_id, instanceId, projectId],
    );
    // The first report of an hour for this pair deletes the hours outside the window.
    if (added > 0)
      await tx.run('DELETE FROM sign_usage WHERE sign_id = ? AND publish_id = ? AND hour < ?', [
        sign_id,
        publish_id,
        hour - USAGE_WINDOW_HOURS,
      ]);
  }
}

/** Merges the rows of a report, so that there is one row per key and publication. */
function merged(usage: readonly Usage[]): Usage[] {
  const byPair = new Map<string, Usage>();
  for (const each of usage) {
    const pair = `${each.sign_id} ${each.publish_id}`;
    const before = byPair.get(pair);
    byPair.set(
      pair,
      before ? { ...each, count: before.count + each.count, last_signed_at: Math.max(before.last_signed_at, each.last_signed_at) } : each,
    );
  }
  return [...byPair.values()];
}

/** Returns the keys and publications that belong to the gateway. Uses two statements per report instead of one per row. */
async function ofTheGateway(tx: Tx, { projectId, instanceId }: InstanceScope, usage: readonly Usage[]): Promise<Usage[]> {
  if (usage.length === 0) return [];
  const known = async (table: 'signs' | 'publications', named: string[]) => {
    const ids = [...new Set(named)];
    const scope = table === 'signs' ? 'instance_id = ? AND project_id = ?' : 'instance_id = ?';
    const params = table === 'signs' ? [instanceId, projectId] : [instanceId];
    const rows = await tx.rows<{ id: string }>(`SELECT id FROM ${table} WHERE ${scope} AND id IN (${placeholders(ids)})`, [
      ...params,
      ...ids,
    ]);
    return new Set(rows.map(({ id }) => id));
  };
  const signs = await known(
    'signs',
    usage.map(({ sign_id }) => sign_id),
  );
  const publications = await known(
    'publications',
    usage.map(({ publish_id }) => publish_id),
  );
  return usage.filter(({ sign_id, publish_id }) => signs.has(sign_id) && publications.has(publish_id));
}
