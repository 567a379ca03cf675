import { Injectable } from '@nestjs/common';
import { AuditService } from '../audit/audit.service.js';
import { ChangesService } from '../changes/changes.service.js';
import { Fault } from '../common/api-error.js';
import { toMicroseconds } from '../common/clock.js';
import type { Caller } from '../common/principal.js';
import type { InstanceScope } from '../common/scope.js';
import { Database } from '../database/database.js';
import { inInstance } from '../instances/instance-scope.js';
import { rowsOf } from './instance-rows.js';
import { forgetNode, NODE, type NodeRow } from './node-rows.js';
import type { NodeListView, NodeView } from './nodes.dto.js';

/** Nodes, as operators see them. */
@Injectable()
export class NodesService {
  constructor(
    private readonly database: Database,
    private readonly changes: ChangesService,
    private readonly audit: AuditService,
  ) {}

  /** Nodes by name. @throws InstanceNotFound */
  async list(scope: InstanceScope): Promise<NodeListView> {
    const sql = `SELECT ${NODE} FROM gateway_nodes n WHERE n.instance_id = ? AND n.project_id = ? ORDER BY n.node_id`;
    const rows = await rowsOf<NodeRow>(this.database, scope, sql, [scope.instanceId, scope.projectId]);
    return { total: rows.length, size: rows.length, nodes: rows.map(toView) };
  }

  /**
   * Forgets a node that will not come back: receipts do not wait for it any more. Whoever calls vouches that it is gone; if it is
   * not, its next report brings it back, with what it has.
   * @throws Fault `not_found`, InstanceNotFound
   */
  async remove(scope: InstanceScope, nodeId: string, caller: Caller): Promise<void> {
    await this.changes.write(inInstance(scope), async (write) => {
      const sql = `SELECT ${NODE} FROM gateway_nodes n WHERE n.instance_id = ? AND n.node_id = ? AND n.project_id = ?`;
      const [node] = await write.rows<NodeRow>(sql, [scope.instanceId, nodeId, scope.projectId]);
      if (!node) throw new Fault('not_found');
      await forgetNode(write, scope.instanceId, nodeId);
      const detail = { applied_revision: node.appliedRevision, last_seen: node.lastSeen };
      await this.audit.record(write, caller, { action: 'DeleteGatewayNode', resourceType: 'GatewayNode', resourceId: nodeId, detail });
      write.change('node', nodeId, 'deleted');
    });
  }
}

const toView = (row: NodeRow): NodeView => ({
  node_id: row.nodeId,
  applied_revision: row.appliedRevision,
  applied_at: toMicroseconds(row.appliedAt),
  version: row.version,
  last_seen_at: toMicroseconds(row.lastSeen),
  lease_until: row.leaseUntil === null ? null : toMicroseconds(row.leaseUntil),
  registered_at: toMicroseconds(row.registeredAt),
});
