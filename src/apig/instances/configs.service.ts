import { hash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { InstanceNotFound } from '../../platform/common/api-error.js';
import { toSeconds } from '../../platform/common/clock.js';
import type { Page } from '../../platform/common/pagination.js';
import type { InstanceScope, ProjectScope } from '../../platform/common/scope.js';
import { Config } from '../../platform/config/config.js';
import { Database } from '../../platform/database/database.js';
import { columnsOf, type RowOf } from '../../platform/database/columns.js';
import type { GatewayConfigListView, ProjectConfigListView } from './configs.dto.js';
import { QUOTA_ENTRIES, quotaOf, SWITCH_ENTRIES } from './quotas.js';
import { Instance } from './instance.entity.js';
import { Project } from '../../identity/projects/project.entity.js';

const INSTANCE = columnsOf(Instance, 'i').pick('spec', 'createdAt');
const PROJECT = columnsOf(Project).pick('createdAt');
const COUNTED = [...new Set(QUOTA_ENTRIES.flatMap(([, { table }]) => table ?? []))];
const COUNTS = COUNTED.map((table) => `(SELECT COUNT(*) FROM ${table} t WHERE t.instance_id = i.id) AS ${table}`).join(', ');

/** The limits of gateways and projects (docs/contracts/apig.md §3.2). */
@Injectable()
export class ConfigsService {
  constructor(
    private readonly database: Database,
    private readonly config: Config,
  ) {}

  /** Returns the limits of a gateway, with the current usage of each. @throws InstanceNotFound */
  async ofGateway(scope: InstanceScope, { limit, offset }: Page): Promise<GatewayConfigListView> {
    const params = [scope.instanceId, scope.projectId];
    const [gateway] = await this.database.rows<Record<string, number> & RowOf<typeof INSTANCE>>(
      `SELECT ${INSTANCE.select}, ${COUNTS} FROM instances i WHERE i.id = ? AND i.project_id = ?`,
      params,
    );
    if (!gateway) throw new InstanceNotFound(scope.instanceId);
    const enabled = await this.database.rows<{ name: string }>('SELECT name FROM instance_features WHERE instance_id = ? AND enable = 1', [
      scope.instanceId,
    ]);
    const on = new Set(enabled.map(({ name }) => name));
    const context = { spec: gateway.spec, config: this.config };
    const entry = (name: string, value: string, remark: string, used: number) => ({
      config_id: configId(name),
      config_name: name,
      config_value: value,
      config_time: toSeconds(gateway.createdAt),
      remark,
      used,
    });
    const all = [
      ...QUOTA_ENTRIES.map(([name, { remark, table }]) =>
        entry(name, String(quotaOf(name, context)), remark, table ? (gateway[table] ?? 0) : 0),
      ),
      ...SWITCH_ENTRIES.map(([name, { remark, feature }]) =>
        entry(name, feature !== undefined && on.has(feature) ? 'on' : 'off', remark, 0),
      ),
    ];
    const configs = all.slice(offset, offset + limit);
    return { total: all.length, size: configs.length, configs };
  }

  /** Returns the limit of the number of gateways in a project. */
  async ofProject(scope: ProjectScope): Promise<ProjectConfigListView> {
    const [project] = await this.database.rows<RowOf<typeof PROJECT>>(`SELECT ${PROJECT.select} FROM projects WHERE id = ?`, [
      scope.projectId,
    ]);
    const name = 'INSTANCE_NUM_LIMIT';
    const config = {
      config_id: configId(name),
      config_name: name,
      config_value: String(this.config.instanceNumLimit),
      config_time: project?.createdAt ?? 0,
      remark: 'Maximum number of gateways',
    };
    return { total: 1, size: 1, configs: [config] };
  }
}

/** Derived from the name, so that the id is the same in every gateway and after every restart. */
const configId = (name: string) => hash('sha256', name, 'hex').slice(0, 32);
