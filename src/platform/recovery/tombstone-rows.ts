import type { Reads, Tx } from '../database/database.js';
import { chunks } from '../database/tx.js';
import type { Tombstone } from '../../lib/receipts/node.js';

interface Columns {
  signId: string;
  version: number;
  publishId: string;
  revision: number;
  epoch: string;
}

/** An ended signature that a node has reported, with its gateway and key. */
export interface NamedTombstone extends Tombstone {
  /** Id of the gateway. */
  readonly scopeId: string;
  readonly projectId: string;
  readonly nodeId: string;
  readonly signName: string;
}

const COLUMNS = 'sign_id AS signId, version, publish_id AS publishId, revision, epoch';

const toTombstone = ({ publishId, ...row }: Columns): Tombstone => ({ ...row, publishId: publishId === '' ? null : publishId });

const ignore = ({ engine }: Tx) => (engine === 'mariadb' ? 'IGNORE' : 'OR IGNORE');

/** Stores reported tombstones. Of each, the first report stays. */
export async function nameTombstones(
  tx: Tx,
  scopeId: string,
  nodeId: string,
  tombstones: readonly Tombstone[],
  now: number,
): Promise<void> {
  for (const part of chunks(tombstones, 100))
    await tx.run(
      `INSERT ${ignore(tx)} INTO named_tombstones (scope_id, sign_id, version, publish_id, revision, epoch, node_id, named_at)
       VALUES ${part.map(() => '(?, ?, ?, ?, ?, ?, ?, ?)').join(', ')}`,
      part.flatMap(({ signId, version, publishId, revision, epoch }) => [
        scopeId,
        signId,
        version,
        publishId ?? '',
        revision,
        epoch,
        nodeId,
        now,
      ]),
    );
}

/** Accepts tombstones by all their fields. Other tombstones of the same key stay in force. */
export async function acceptTombstones(
  tx: Tx,
  tombstones: readonly (Tombstone & { readonly scopeId: string })[],
  by: string,
  now: number,
): Promise<void> {
  for (const { scopeId, signId, version, publishId, revision, epoch } of tombstones)
    await tx.run(
      `INSERT ${ignore(tx)} INTO accepted_tombstones (scope_id, sign_id, version, publish_id, revision, epoch, accepted_by, accepted_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      [scopeId, signId, version, publishId ?? '', revision, epoch, by, now],
    );
}

/** Returns the accepted tombstones of a gateway. */
export async function acceptedTombstones(reads: Pick<Reads, 'rows'>, scopeId: string): Promise<Tombstone[]> {
  return (await reads.rows<Columns>(`SELECT ${COLUMNS} FROM accepted_tombstones WHERE scope_id = ?`, [scopeId])).map(toTombstone);
}

/** Returns the tombstones that the restored database contradicts, because it contains the key in the same version and binding. */
export async function tombstonesOfWhatIsBack(reads: Pick<Reads, 'rows'>): Promise<NamedTombstone[]> {
  const rows = await reads.rows<Columns & Pick<NamedTombstone, 'scopeId' | 'projectId' | 'nodeId' | 'signName'>>(
    `SELECT t.scope_id AS scopeId, t.sign_id AS signId, t.version, t.publish_id AS publishId, t.revision, t.epoch, t.node_id AS nodeId,
       s.project_id AS projectId, s.name AS signName
     FROM named_tombstones t JOIN signs s ON s.id = t.sign_id AND s.instance_id = t.scope_id AND s.secret_version = t.version
     WHERE t.publish_id = '' OR EXISTS (SELECT 1 FROM sign_bindings b WHERE b.sign_id = t.sign_id AND b.publish_id = t.publish_id)
     ORDER BY t.scope_id, t.sign_id, t.version, t.publish_id`,
  );
  return rows.map((row) => ({ ...toTombstone(row), ...row, publishId: row.publishId === '' ? null : row.publishId }));
}
