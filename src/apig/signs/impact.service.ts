import { Injectable } from '@nestjs/common';
import { Clock, toMicroseconds } from '../../platform/common/clock.js';
import type { InstanceScope } from '../../platform/common/scope.js';
import { Database } from '../../platform/database/database.js';
import { columnsOf, type RowOf } from '../../platform/database/columns.js';
import { livingSessions } from '../../platform/receipts/protocol-rows.js';
import { SignNotFound } from './signs.errors.js';
import { revisionOf } from '../instances/instance-rows.js';
import type { ImpactView } from './impact.dto.js';
import { hourOf, USAGE_WINDOW_HOURS } from './usage.js';
import { Api } from '../apis/api.entity.js';
import { Environment } from '../apis/environment.entity.js';
import { Publication } from '../apis/publication.entity.js';

const PUBLICATION = columnsOf(Publication, 'p').pick({ publishId: 'id' }, 'online');
const API = columnsOf(Api, 'a').pick({ apiId: 'id', apiName: 'name' });
const ENVIRONMENT = columnsOf(Environment, 'e').pick({ envId: 'id', envName: 'name' });
const BOUND = `${PUBLICATION.select}, ${API.select}, ${ENVIRONMENT.select}`;

interface ApiRow extends RowOf<typeof PUBLICATION>, RowOf<typeof API>, RowOf<typeof ENVIRONMENT> {
  /** MariaDB returns sums as decimals, and mysql2 returns those as text. */
  times: number | string | null;
  last: number | null;
}

/** Computes what the deletion of a key would affect. */
@Injectable()
export class ImpactService {
  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
  ) {}

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
          `SELECT ${BOUND}, u.times, u.last
           FROM sign_bindings b JOIN publications p ON p.id = b.publish_id JOIN apis a ON a.id = p.api_id
           JOIN environments e ON e.instance_id = p.instance_id AND e.id = p.env_id
           LEFT JOIN (SELECT publish_id, SUM(times) AS times, MAX(last_signed_at) AS last FROM sign_usage
             WHERE sign_id = ? AND hour > ? GROUP BY publish_id) u ON u.publish_id = p.id
           WHERE b.sign_id = ? AND b.instance_id = ? AND b.project_id = ? ORDER BY p.id DESC`,
          [signId, since, signId, ...inScope],
        ),
        nodes: await livingSessions(reads, { kind: 'instance', id: scope.instanceId }),
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
        applied_revision: node.acknowledged,
        last_seen_at: toMicroseconds(node.lastSeen),
      })),
    };
  }
}

const timeOrNull = (instant: number | null) => (instant ? toMicroseconds(instant) : null);
