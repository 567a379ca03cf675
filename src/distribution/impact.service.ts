import { Injectable } from '@nestjs/common';
import { Clock, toMicroseconds } from '../common/clock.js';
import { Impacts, type ImpactView } from '../common/impact.js';
import type { InstanceScope } from '../common/scope.js';
import { Database } from '../database/database.js';
import { SignNotFound } from '../signs/signs.errors.js';
import { NODE, type NodeRow } from './node-rows.js';
import { revisionOf } from './snapshot.service.js';
import { hourOf, USAGE_WINDOW_HOURS } from './usage.js';

interface ApiRow {
  publishId: string;
  apiId: string;
  apiName: string;
  envId: string;
  envName: string;
  online: number;
  /** MariaDB's sums are decimals, which come as text. */
  times: number | string | null;
  last: number | null;
}

/** Who would feel it if a key were gone. */
@Injectable()
export class ImpactService extends Impacts {
  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
  ) {
    super();
  }

  /** @throws InstanceNotFound, SignNotFound */
  async of(scope: InstanceScope, signId: string): Promise<ImpactView> {
    const since = hourOf(this.clock.now()) - USAGE_WINDOW_HOURS;
    const inScope = [scope.instanceId, scope.projectId];
    const { revision, name, apis, nodes } = await this.database.snapshot(async (reads) => {
      const now = await revisionOf(reads, scope);
      const sign = 'SELECT name FROM signs WHERE id = ? AND instance_id = ? AND project_id = ?';
      const [found] = await reads.rows<{ name: string }>(sign, [signId, ...inScope]);
      if (!found) throw new SignNotFound(signId);
      return {
        revision: now,
        name: found.name,
        apis: await reads.rows<ApiRow>(
          `SELECT p.id AS publishId, a.id AS apiId, a.name AS apiName, e.id AS envId, e.name AS envName, p.online, u.times, u.last
           FROM sign_bindings b JOIN publications p ON p.id = b.publish_id JOIN apis a ON a.id = p.api_id
           JOIN environments e ON e.instance_id = p.instance_id AND e.id = p.env_id
           LEFT JOIN (SELECT publish_id, SUM(times) AS times, MAX(last_signed_at) AS last FROM sign_usage
             WHERE sign_id = ? AND hour > ? GROUP BY publish_id) u ON u.publish_id = p.id
           WHERE b.sign_id = ? AND b.instance_id = ? AND b.project_id = ? ORDER BY p.id DESC`,
          [signId, since, signId, ...inScope],
        ),
        nodes: await reads.rows<NodeRow>(
          `SELECT ${NODE} FROM gateway_nodes n WHERE n.instance_id = ? AND n.project_id = ? ORDER BY n.node_id`,
          inScope,
        ),
      };
    });
    const last = Math.max(...apis.map((row) => row.last ?? 0), 0);
    return {
      sign_id: signId,
      name,
      revision,
      window_hours: USAGE_WINDOW_HOURS,
      signed_count: apis.reduce((sum, { times }) => sum + Number(times ?? 0), 0),
      last_signed_at: timeOrNull(last),
      apis: apis.map((row) => ({
        publish_id: row.publishId,
        api_id: row.apiId,
        api_name: row.apiName,
        env_id: row.envId,
        env_name: row.envName,
        online: row.online === 1,
        signed_count: Number(row.times ?? 0),
        last_signed_at: timeOrNull(row.last),
      })),
      nodes: nodes.map((node) => ({
        node_id: node.nodeId,
        applied_revision: node.appliedRevision,
        last_seen_at: toMicroseconds(node.lastSeen),
      })),
    };
  }
}

const timeOrNull = (instant: number | null) => (instant ? toMicroseconds(instant) : null);
