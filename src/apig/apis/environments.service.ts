import { Injectable } from '@nestjs/common';
import { AuditService } from '../../platform/audit/audit.service.js';
import { ChangesService, type Write } from '../../platform/changes/changes.service.js';
import { newId } from '../../platform/common/ids.js';
import { isPrecise } from '../../platform/common/pagination.js';
import type { Caller } from '../../platform/common/principal.js';
import type { InstanceScope } from '../../platform/common/scope.js';
import type { Committed } from '../../platform/common/committed.js';
import { Config } from '../../platform/config/config.js';
import { Database } from '../../platform/database/database.js';
import { violates } from '../../platform/database/errors.js';
import { columnsOf } from '../../platform/database/columns.js';
import { inInstance } from '../instances/instance-scope.js';
import {
  EnvironmentInUse,
  EnvironmentNameTaken,
  EnvironmentNotFound,
  EnvironmentProtected,
  EnvironmentQuotaExceeded,
} from './apis.errors.js';
import { Environment, RELEASE } from './environment.entity.js';
import {
  ENVIRONMENT,
  type EnvironmentInput,
  type EnvironmentListView,
  type EnvironmentQuery,
  type EnvironmentRow,
  type EnvironmentView,
  toEnvironmentView,
} from './environments.dto.js';
import { limitsOf } from './limits.js';
import { Filters, listOf } from './listing.js';

const UNIQUE_NAME = { name: 'uq_environments_instance_name', columns: 'environments.instance_id, environments.name' };
const NEW_ENVIRONMENT = columnsOf(Environment).pick('instanceId', 'id', 'projectId', 'name', 'remark', 'createdAt');
const SELECT = ENVIRONMENT.select;
const FROM = 'environments e';

/** Reads an environment inside a write; undefined when the gateway has no environment with this id. */
export async function findEnvironment(write: Write, scope: InstanceScope, envId: string): Promise<EnvironmentRow | undefined> {
  const sql = `SELECT ${SELECT} FROM ${FROM} WHERE e.id = ? AND e.instance_id = ? AND e.project_id = ?`;
  const [environment] = await write.rows<EnvironmentRow>(sql, [envId, scope.instanceId, scope.projectId]);
  return environment;
}

/** Environments (docs/contracts/apig.md §3.4). RELEASE exists as long as its gateway. */
@Injectable()
export class EnvironmentsService {
  constructor(
    private readonly database: Database,
    private readonly changes: ChangesService,
    private readonly audit: AuditService,
    private readonly config: Config,
  ) {}

  /** @throws EnvironmentQuotaExceeded, EnvironmentNameTaken, InstanceNotFound */
  create(scope: InstanceScope, input: EnvironmentInput, caller: Caller): Promise<EnvironmentView> {
    const id = newId();
    const remark = input.remark ?? '';
    return this.changes.write(inInstance(scope), async (write) => {
      const [quota] = await write.rows<{ used: number }>('SELECT COUNT(*) AS used FROM environments WHERE instance_id = ?', [
        scope.instanceId,
      ]);
      if ((quota?.used ?? 0) >= limitsOf(this.config)('ENVIRONMENT_NUM_LIMIT')) throw new EnvironmentQuotaExceeded();
      const { instanceId, projectId } = scope;
      const values = NEW_ENVIRONMENT.values({ instanceId, id, projectId, name: input.name, remark, createdAt: write.now });
      await write.run(NEW_ENVIRONMENT.insert(), values).catch(nameTaken);
      await this.audit.record(write, caller, {
        action: 'CreateEnvironment',
        resourceType: 'Environment',
        resourceId: id,
        resourceName: input.name,
      });
      write.change('environment', id, 'created');
      return toEnvironmentView({ id, name: input.name, remark, createdAt: write.now }, write.now);
    });
  }

  /**
   * Replaces name and remark; an omitted remark is cleared. @throws EnvironmentNotFound, EnvironmentProtected, EnvironmentNameTaken,
   * InstanceNotFound
   */
  update(scope: InstanceScope, envId: string, input: EnvironmentInput, caller: Caller): Promise<Committed<EnvironmentView>> {
    return this.changes.commit(inInstance(scope), async (write) => {
      const before = await findEnvironment(write, scope, envId);
      if (!before) throw new EnvironmentNotFound(envId);
      if (envId === RELEASE.id && input.name !== RELEASE.name) throw new EnvironmentProtected();
      const after = { ...before, name: input.name, remark: input.remark ?? '' };
      await write
        .run('UPDATE environments SET name = ?, remark = ? WHERE instance_id = ? AND id = ?', [
          after.name,
          after.remark,
          scope.instanceId,
          envId,
        ])
        .catch(nameTaken);
      await this.audit.record(write, caller, {
        action: 'UpdateEnvironment',
        resourceType: 'Environment',
        resourceId: envId,
        resourceName: after.name,
      });
      write.change('environment', envId, 'updated');
      return toEnvironmentView(after);
    });
  }

  /**
   * Deletes an environment in which nothing is online. Foreign keys also delete its variables and the publications that are offline in it,
   * with their bindings and versions.
   * @throws EnvironmentNotFound, EnvironmentProtected, EnvironmentInUse, InstanceNotFound
   */
  async delete(scope: InstanceScope, envId: string, caller: Caller): Promise<void> {
    await this.changes.write(inInstance(scope), async (write) => {
      const environment = await findEnvironment(write, scope, envId);
      if (!environment) throw new EnvironmentNotFound(envId);
      if (envId === RELEASE.id) throw new EnvironmentProtected();
      const publications = await write.rows<{ id: string; online: number }>(
        'SELECT id, online FROM publications WHERE instance_id = ? AND env_id = ?',
        [scope.instanceId, envId],
      );
      if (publications.some(({ online }) => online === 1)) throw new EnvironmentInUse();
      const [variables] = await write.rows<{ deleted: number }>(
        'SELECT COUNT(*) AS deleted FROM env_variables WHERE instance_id = ? AND env_id = ?',
        [scope.instanceId, envId],
      );
      await write.run('DELETE FROM environments WHERE instance_id = ? AND id = ?', [scope.instanceId, envId]);
      const detail = { publications: publications.length, variables: variables?.deleted ?? 0 };
      await this.audit.record(write, caller, {
        action: 'DeleteEnvironment',
        resourceType: 'Environment',
        resourceId: envId,
        resourceName: environment.name,
        detail,
      });
      write.change('environment', envId, 'deleted');
      for (const { id } of publications) write.change('publication', id, 'deleted');
    });
  }

  /**
   * Returns RELEASE first, then all others, newest first. Clients that do not page look for their environment on the first page
   * (docs/contracts/apig.md §3.4).
   * @throws InstanceNotFound
   */
  async list(scope: InstanceScope, query: EnvironmentQuery): Promise<EnvironmentListView> {
    const filters = new Filters().named('e.name', query.name, isPrecise(query, 'name'));
    const order = `CASE e.id WHEN '${RELEASE.id}' THEN 0 ELSE 1 END, e.id DESC`;
    const { total, rows } = await listOf<EnvironmentRow>(this.database, scope, { select: SELECT, from: FROM, filters, order }, query);
    return { total, size: rows.length, envs: rows.map((row) => toEnvironmentView(row)) };
  }
}

function nameTaken(error: unknown): never {
  throw violates(error, UNIQUE_NAME) ? new EnvironmentNameTaken() : error;
}
