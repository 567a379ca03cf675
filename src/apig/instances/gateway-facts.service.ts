import { Injectable } from '@nestjs/common';
import type { Page } from '../../platform/common/pagination.js';
import type { InstanceScope, ProjectScope } from '../../platform/common/scope.js';
import { Config } from '../../platform/config/config.js';
import { Database } from '../../platform/database/database.js';
import { EDITIONS } from './editions.js';
import type { BuiltInFeaturesView } from './features.dto.js';
import { BUILT_IN_FEATURES } from './features.js';
import { assertInstance, rowsOf } from './instance-rows.js';
import { InstancesService } from './instances.service.js';
import type {
  ApiOutlineView,
  ApiTagsView,
  AppOutlineView,
  AvailableZonesView,
  GroupOutlineView,
  InstanceProgressView,
  InstanceRestrictionView,
} from './instances.views.js';
import { RELEASE } from './release.js';

const ZONES = ['a', 'b', 'c'];
const FIRST_PORT = 8401;

/** Facts about a gateway and its region (docs/contracts/apig.md §3.1). */
@Injectable()
export class GatewayFactsService {
  constructor(
    private readonly database: Database,
    private readonly instances: InstancesService,
    private readonly config: Config,
  ) {}

  /** Returns a progress that is always complete, because a gateway is ready as soon as it exists. @throws GatewayNotFound */
  async progress(scope: ProjectScope, instanceId: string): Promise<InstanceProgressView> {
    const { createdAt } = await this.instances.row(scope, instanceId);
    return { progress: 100, status: 'success', error_code: null, error_msg: null, start_time: createdAt, end_time: createdAt };
  }

  /** Returns a list that is always empty, because a gateway can use every network range. @throws GatewayNotFound */
  async restriction(scope: ProjectScope, instanceId: string): Promise<InstanceRestrictionView> {
    await this.instances.row(scope, instanceId);
    return { restrict_cidrs: [], resource_subnet_cidr: '' };
  }

  /** @throws GatewayNotFound */
  async builtInFeatures(scope: ProjectScope, instanceId: string, { limit, offset }: Page): Promise<BuiltInFeaturesView> {
    await this.instances.row(scope, instanceId);
    const features = BUILT_IN_FEATURES.slice(offset, offset + limit);
    return { total: BUILT_IN_FEATURES.length, size: features.length, features };
  }

  /** Returns the tags in alphabetical order, without duplicates. @throws InstanceNotFound */
  async apiTags(scope: InstanceScope, { limit, offset }: Page): Promise<ApiTagsView> {
    const sql = "SELECT DISTINCT JSON_EXTRACT(definition, '$.tags') AS tags FROM apis WHERE instance_id = ? AND project_id = ?";
    const rows = await rowsOf<{ tags: string | string[] | null }>(this.database, scope, sql, [scope.instanceId, scope.projectId]);
    const all = [...new Set(rows.flatMap(({ tags }) => (typeof tags === 'string' ? (JSON.parse(tags) as string[]) : (tags ?? []))))].sort();
    const tags = all.slice(offset, offset + limit);
    return { total: all.length, size: tags.length, tags };
  }

  /** Counts the API groups. None is on sale, because there is no marketplace. @throws InstanceNotFound */
  async groupOutline(scope: InstanceScope): Promise<GroupOutlineView> {
    const counted = await this.countIn(
      scope,
      'SELECT COUNT(*) AS n, 0 AS online FROM api_groups WHERE instance_id = ? AND project_id = ?',
      [],
    );
    return { onsell_nums: 0, offsell_nums: counted.n };
  }

  /** Counts the APIs that are published in RELEASE and those that are not. @throws InstanceNotFound */
  async apiOutline(scope: InstanceScope): Promise<ApiOutlineView> {
    const sql = `SELECT COUNT(*) AS n, COUNT(p.id) AS online FROM apis a
      LEFT JOIN publications p ON p.api_id = a.id AND p.online = 1 AND p.env_id = ? WHERE a.instance_id = ? AND a.project_id = ?`;
    const { n, online } = await this.countIn(scope, sql, [RELEASE.id]);
    return { instance_num: n, nums_on_release: online, nums_off_release: n - online };
  }

  /** @throws InstanceNotFound */
  async appOutline(scope: InstanceScope): Promise<AppOutlineView> {
    await assertInstance(this.database, scope);
    return { authed_nums: 0, unauthed_nums: 0 };
  }

  /** Returns three zones of the configured region, each with all editions. */
  availableZones(): AvailableZonesView {
    return {
      available_zones: ZONES.map((letter, i) => ({
        name: `AZ${i + 1}`,
        id: `${this.config.region}-${letter}`,
        code: `${this.config.region}-${letter}`,
        port: String(FIRST_PORT + i),
        local_name: { en_us: `AZ${i + 1}`, zh_cn: `可用区${i + 1}` },
        specs: Object.fromEntries(EDITIONS.map((edition) => [edition, true])),
      })),
    };
  }

  private async countIn(scope: InstanceScope, sql: string, params: readonly string[]): Promise<{ n: number; online: number }> {
    const [row] = await this.database.rows<{ n: number; online: number }>(sql, [...params, scope.instanceId, scope.projectId]);
    if (!row || row.n === 0) await assertInstance(this.database, scope);
    return row ?? { n: 0, online: 0 };
  }
}
