import { Injectable } from '@nestjs/common';
import { AuditService } from '../../platform/audit/audit.service.js';
import { ChangesService, type Write } from '../../platform/changes/changes.service.js';
import { InstanceNotFound } from '../../platform/common/api-error.js';
import { toNanoseconds, toSeconds } from '../../platform/common/clock.js';
import type { Caller } from '../../platform/common/principal.js';
import type { InstanceScope } from '../../platform/common/scope.js';
import type { Committed } from '../../platform/common/committed.js';
import { Config } from '../../platform/config/config.js';
import { Database } from '../../platform/database/database.js';
import { columnsOf, type RowOf } from '../../platform/database/columns.js';
import { inInstance } from '../instances/instance-scope.js';
import { ApiNotFound, EnvironmentNotFound, PublicationNotFound, VersionNotFound } from './apis.errors.js';
import { findApi } from './apis.service.js';
import type { ApiBodyView } from './apis.views.js';
import { Environment, RELEASE } from './environment.entity.js';
import { slDomain } from './groups.dto.js';
import { Filters, findIn, fromJson, listOf } from './listing.js';
import type { ApiVersionView, HistoryQuery, HistoryView, SwitchView } from './publications.dto.js';
import { ApiVersion, Publication } from './publication.entity.js';

const VERSION = columnsOf(ApiVersion, 'v').pick('id', 'versionNo', 'apiId', 'envId', 'remark', 'publishedAt');
const ENVIRONMENT = columnsOf(Environment, 'e').pick({ envName: 'name' });
const PUBLICATION = columnsOf(Publication, 'p').pick({ publishId: 'id' });

/** A version, with the publication to which it belongs. */
interface VersionRow extends RowOf<typeof VERSION>, RowOf<typeof ENVIRONMENT>, RowOf<typeof PUBLICATION> {
  /** 1 if this version is in effect. */
  effective: number;
}

const SELECT = `${VERSION.select}, ${ENVIRONMENT.select}, ${PUBLICATION.select},
  CASE WHEN p.version_id = v.id AND p.online = 1 THEN 1 ELSE 0 END AS effective`;
const FROM = 'api_versions v';
const JOINS = `LEFT JOIN publications p ON p.api_id = v.api_id AND p.env_id = v.env_id
  LEFT JOIN environments e ON e.instance_id = v.instance_id AND e.id = v.env_id`;

/** The versions of APIs that publications have frozen (docs/contracts/apig.md §3.6). */
@Injectable()
export class ApiVersionsService {
  constructor(
    private readonly database: Database,
    private readonly changes: ChangesService,
    private readonly audit: AuditService,
    private readonly config: Config,
  ) {}

  /** Returns the versions of an API, newest first. @throws ApiNotFound, InstanceNotFound */
  async history(scope: InstanceScope, apiId: string, query: HistoryQuery): Promise<HistoryView> {
    await findIn(this.database, scope, { select: 'a.id', from: 'apis a' }, apiId, () => new ApiNotFound(apiId));
    const filters = new Filters().equal('v.api_id', apiId).equal('v.env_id', query.env_id);
    if (query.env_name !== undefined) {
      const named = new Filters().named('n.name', query.env_name, false);
      filters.add(
        `EXISTS (SELECT 1 FROM environments n WHERE n.instance_id = v.instance_id AND n.id = v.env_id ${named.sql})`,
        ...named.values,
      );
    }
    const { total, rows } = await listOf<VersionRow>(this.database, scope, { select: SELECT, from: FROM, joins: JOINS, filters }, query);
    const versions = rows.map((row) => ({
      version_id: row.id,
      version_no: row.versionNo,
      api_id: row.apiId,
      env_id: row.envId,
      env_name: row.envName,
      remark: row.remark,
      publish_time: toSeconds(row.publishedAt),
      status: row.effective === 1 ? 1 : 2,
    }));
    return { total, size: versions.length, api_versions: versions };
  }

  /**
   * Puts another version of the same publication into effect, and the publication online. The publication keeps its id. Writes nothing if
   * the version is already in effect.
   * @throws ApiNotFound, VersionNotFound, InstanceNotFound
   */
  switch(scope: InstanceScope, apiId: string, versionId: string, caller: Caller): Promise<Committed<SwitchView>> {
    return this.changes.commit(inInstance(scope), async (write) => {
      const api = await findApi(write, scope, apiId);
      if (!api) throw new ApiNotFound(apiId);
      const version = await this.find(write, scope, versionId);
      if (version.apiId !== apiId) throw new VersionNotFound(versionId);
      const { publishId, envId } = version;
      const view = { publish_id: publishId, api_id: apiId, env_id: envId, version_id: versionId };
      if (version.effective === 1) return { ...view, publish_time: toNanoseconds(version.publishedAt) };
      await write.run('UPDATE publications SET version_id = ?, online = 1, remark = ?, published_at = ? WHERE id = ?', [
        versionId,
        version.remark,
        write.now,
        publishId,
      ]);
      const detail = { api_id: apiId, env_id: envId, publish_id: publishId };
      await this.audit.record(write, caller, {
        action: 'SwitchApiVersion',
        resourceType: 'ApiVersion',
        resourceId: versionId,
        resourceName: api.name,
        detail,
      });
      write.change('publication', publishId, 'updated');
      return { ...view, publish_time: toNanoseconds(write.now) };
    });
  }

  /**
   * Takes the API offline in the environment in which this version is in effect. Writes nothing if the version is not in effect.
   * @throws VersionNotFound, InstanceNotFound
   */
  takeOffline(scope: InstanceScope, versionId: string, caller: Caller): Promise<Committed<void>> {
    return this.changes.commit(inInstance(scope), async (write) => {
      const { publishId, apiId, envId, effective } = await this.find(write, scope, versionId);
      if (effective === 0) return;
      await write.run('UPDATE publications SET online = 0 WHERE id = ?', [publishId]);
      const detail = { api_id: apiId, env_id: envId, publish_id: publishId };
      await this.audit.record(write, caller, { action: 'OfflineApiVersion', resourceType: 'ApiVersion', resourceId: versionId, detail });
      write.change('publication', publishId, 'updated');
    });
  }

  /** @throws VersionNotFound, InstanceNotFound */
  async get(scope: InstanceScope, versionId: string): Promise<ApiVersionView> {
    const select = `${SELECT}, v.definition`;
    const row = await findIn<VersionRow & { definition: unknown }>(
      this.database,
      scope,
      { select, from: FROM, joins: JOINS },
      versionId,
      () => new VersionNotFound(versionId),
    );
    return this.toView(row);
  }

  /**
   * Returns the definition in effect in an environment.
   * @param envId the environment; default: RELEASE
   * @throws ApiNotFound, EnvironmentNotFound, InstanceNotFound; PublicationNotFound when the API is not online there
   */
  async runtime(scope: InstanceScope, apiId: string, envId: string = RELEASE.id): Promise<ApiVersionView> {
    const [row] = await this.database.rows<VersionRow & { definition: unknown; theApi: string | null; theEnvironment: string | null }>(
      `SELECT ${SELECT}, v.definition, a.id AS theApi, e.id AS theEnvironment FROM instances i
       LEFT JOIN apis a ON a.instance_id = i.id AND a.id = ? LEFT JOIN environments e ON e.instance_id = i.id AND e.id = ?
       LEFT JOIN publications p ON p.api_id = a.id AND p.env_id = e.id AND p.online = 1 LEFT JOIN api_versions v ON v.id = p.version_id
       WHERE i.id = ? AND i.project_id = ?`,
      [apiId, envId, scope.instanceId, scope.projectId],
    );
    if (!row) throw new InstanceNotFound(scope.instanceId);
    if (row.theApi === null) throw new ApiNotFound(apiId);
    if (row.theEnvironment === null) throw new EnvironmentNotFound(envId);
    if (row.publishId === null) throw new PublicationNotFound();
    return this.toView(row);
  }

  private async find(write: Write, scope: InstanceScope, versionId: string): Promise<VersionRow> {
    const [version] = await write.rows<VersionRow>(
      `SELECT ${SELECT} FROM ${FROM} ${JOINS} WHERE v.id = ? AND v.instance_id = ? AND v.project_id = ?`,
      [versionId, scope.instanceId, scope.projectId],
    );
    if (!version) throw new VersionNotFound(versionId);
    return version;
  }

  private toView(row: VersionRow & { definition: unknown }): ApiVersionView {
    const body = fromJson<ApiBodyView>(row.definition);
    return {
      ...body,
      run_env_id: row.envId,
      run_env_name: row.envName,
      publish_id: row.publishId,
      publish_time: toSeconds(row.publishedAt),
      version_id: row.id,
      version_no: row.versionNo,
      sl_domain: slDomain(body.group_id, this.config.region),
      sl_domains: [slDomain(body.group_id, this.config.region)],
    };
  }
}
