import type { InstanceScope } from '../common/scope.js';
import type { Tx } from '../database/database.js';
import type { NodeReport } from '../lib/protocol/protocol.js';

/** Nodes that one gateway can have: a credential must not fill the database. */
const NODES_MAX = 20_000;
/** Acknowledgements of a node that are kept, in revisions; an older one is known by the next that is kept. */
const KEPT_REVISIONS = 10_000;
const TIDY_EVERY = 100;

/** A row of `gateway_nodes`. */
export interface NodeRow {
  instanceId: string;
  nodeId: string;
  appliedRevision: number;
  appliedAt: number;
  version: string;
  startedAt: number;
  lastSeen: number;
  leaseUntil: number | null;
  registeredAt: number;
}

export const NODE = `n.instance_id AS instanceId, n.node_id AS nodeId, n.applied_revision AS appliedRevision, n.applied_at AS appliedAt,
  n.version, n.started_at AS startedAt, n.last_seen AS lastSeen, n.lease_until AS leaseUntil, n.registered_at AS registeredAt`;

/** The node, locked where that has to be asked for. */
export async function nodeRow(tx: Tx, instanceId: string, nodeId: string): Promise<NodeRow | undefined> {
  const lock = tx.engine === 'mariadb' ? 'FOR UPDATE' : '';
  const sql = `SELECT ${NODE} FROM gateway_nodes n WHERE n.instance_id = ? AND n.node_id = ? ${lock}`;
  return (await tx.rows<NodeRow>(sql, [instanceId, nodeId]))[0];
}

/** @returns false when the gateway has too many */
export async function insertNode(
  tx: Tx,
  { projectId, instanceId }: InstanceScope,
  nodeId: string,
  report: NodeReport,
  leaseUntil: number | null,
  now: number,
): Promise<boolean> {
  const [count] = await tx.rows<{ nodes: number }>('SELECT COUNT(*) AS nodes FROM gateway_nodes WHERE instance_id = ?', [instanceId]);
  if ((count?.nodes ?? 0) >= NODES_MAX) return false;
  await tx.run(
    `INSERT INTO gateway_nodes (instance_id, node_id, project_id, applied_revision, applied_at, version, started_at, last_seen, lease_until, registered_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    [instanceId, nodeId, projectId, report.applied_revision, now, report.version, report.started_at ?? 0, now, leaseUntil, now],
  );
  await acknowledge(tx, instanceId, nodeId, 0, report.applied_revision, now);
  return true;
}

/**
 * A lower revision of the same process is a late report and changes nothing; of a process that has begun since, or of one that
 * does not say, it is a restart: what the node acknowledged above it, it no longer has.
 */
export async function updateNode(tx: Tx, before: NodeRow, report: NodeReport, leaseUntil: number | null, now: number): Promise<void> {
  const { instanceId, nodeId } = before;
  const sameProcess = report.started_at !== undefined && report.started_at === before.startedAt;
  const applied = sameProcess ? Math.max(before.appliedRevision, report.applied_revision) : report.applied_revision;
  await tx.run(
    `UPDATE gateway_nodes SET applied_revision = ?, applied_at = ?, version = ?, started_at = ?, last_seen = ?, lease_until = ?
     WHERE instance_id = ? AND node_id = ?`,
    [
      applied,
      applied === before.appliedRevision ? before.appliedAt : now,
      report.version,
      report.started_at ?? 0,
      now,
      leaseUntil,
      instanceId,
      nodeId,
    ],
  );
  if (applied < before.appliedRevision)
    await tx.run('DELETE FROM gateway_acks WHERE instance_id = ? AND node_id = ? AND revision > ?', [instanceId, nodeId, applied]);
  else await acknowledge(tx, instanceId, nodeId, before.appliedRevision, applied, now);
}

/** Its acknowledgements go with it. */
export const forgetNode = (tx: Pick<Tx, 'run'>, instanceId: string, nodeId: string) =>
  tx.run('DELETE FROM gateway_nodes WHERE instance_id = ? AND node_id = ?', [instanceId, nodeId]);

async function acknowledge(tx: Tx, instanceId: string, nodeId: string, before: number, applied: number, now: number): Promise<void> {
  if (applied <= before) return;
  await tx.run('INSERT INTO gateway_acks (instance_id, node_id, revision, acked_at) VALUES (?, ?, ?, ?)', [
    instanceId,
    nodeId,
    applied,
    now,
  ]);
  if (Math.floor(applied / TIDY_EVERY) === Math.floor(before / TIDY_EVERY)) return;
  const oldest = applied - KEPT_REVISIONS;
  if (oldest > 0)
    await tx.run('DELETE FROM gateway_acks WHERE instance_id = ? AND node_id = ? AND revision < ?', [instanceId, nodeId, oldest]);
}
