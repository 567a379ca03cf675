import { Injectable } from '@nestjs/common';
import type { AuditAction } from '../../platform/audit/actions.js';
import { AuditService } from '../../platform/audit/audit.service.js';
import { ChangesService, type Write } from '../../platform/changes/changes.service.js';
import { newId } from '../../platform/common/ids.js';
import { isPrecise } from '../../platform/common/pagination.js';
import type { Caller } from '../../platform/common/principal.js';
import type { InstanceScope } from '../../platform/common/scope.js';
import { Config } from '../../platform/config/config.js';
import { columnsOf } from '../../platform/database/columns.js';
import { Database } from '../../platform/database/database.js';
import { violates } from '../../platform/database/errors.js';
import type { Rows } from '../../platform/database/tx.js';
import { inInstance } from '../instances/instance-scope.js';
import { EnvironmentNotFound, VariableNameTaken, VariableNotFound, VariableQuotaExceeded } from './apis.errors.js';
import { EnvVariable } from './env-variable.entity.js';
import { findEnvironment } from './environments.service.js';
import { findGroup, readGroup } from './groups.service.js';
import { limitsOf } from './limits.js';
import { Filters, findIn, listOf } from './listing.js';
import {
  toVariableView,
  VARIABLE,
  type VariableInput,
  type VariableListView,
  type VariableQuery,
  type VariableRow,
  type VariableView,
} from './variables.dto.js';

const UNIQUE_NAME = {
  name: 'uq_env_variables_group_env_name',
  columns: 'env_variables.group_id, env_variables.env_id, env_variables.name',
};
const NEW_VARIABLE = columnsOf(EnvVariable).all();
const SELECT = VARIABLE.select;
const FROM = 'env_variables v';

/**
 * Environment variables of API groups (docs/contracts/apig.md §3.7). Signet only stores them: a gateway node takes its backend from its own
 * configuration.
 */
@Injectable()
export class VariablesService {
  constructor(
    private readonly database: Database,
    private readonly changes: ChangesService,
    private readonly audit: AuditService,
    private readonly config: Config,
  ) {}

  /** @throws GroupNotFound, EnvironmentNotFound, VariableQuotaExceeded, VariableNameTaken, InstanceNotFound */
  create(scope: InstanceScope, input: VariableInput, caller: Caller): Promise<VariableView> {
    const { env_id: envId, group_id: groupId, variable_name: name, variable_value: value } = input;
    const row = { ...scope, id: newId(), groupId, envId, name, value };
    return this.changes.write(inInstance(scope), async (write) => {
      await findGroup(write, scope, groupId);
      if (!(await findEnvironment(write, scope, envId))) throw new EnvironmentNotFound(envId);
      const sql = 'SELECT COUNT(*) AS used FROM env_variables WHERE group_id = ? AND env_id = ?';
      const [quota] = await write.rows<{ used: number }>(sql, [groupId, envId]);
      if ((quota?.used ?? 0) >= limitsOf(this.config)('VARIABLE_NUM_LIMIT')) throw new VariableQuotaExceeded();
      await write.run(NEW_VARIABLE.insert(), NEW_VARIABLE.values(row)).catch(nameTaken);
      await this.record(write, caller, 'CreateEnvironmentVariable', row);
      write.change('group', groupId, 'updated');
      return toVariableView(row);
    });
  }

  /** Changes the value. @throws VariableNotFound, InstanceNotFound */
  update(scope: InstanceScope, variableId: string, value: string, caller: Caller): Promise<VariableView> {
    return this.changes.write(inInstance(scope), async (write) => {
      const before = await this.find(write, scope, variableId);
      await write.run('UPDATE env_variables SET value = ? WHERE id = ?', [value, variableId]);
      await this.record(write, caller, 'UpdateEnvironmentVariable', before);
      write.change('group', before.groupId, 'updated');
      return toVariableView({ ...before, value });
    });
  }

  /** @throws VariableNotFound, InstanceNotFound */
  async delete(scope: InstanceScope, variableId: string, caller: Caller): Promise<void> {
    await this.changes.write(inInstance(scope), async (write) => {
      const variable = await this.find(write, scope, variableId);
      await write.run('DELETE FROM env_variables WHERE id = ?', [variableId]);
      await this.record(write, caller, 'DeleteEnvironmentVariable', variable);
      write.change('group', variable.groupId, 'updated');
    });
  }

  /** @throws VariableNotFound, InstanceNotFound */
  async get(scope: InstanceScope, variableId: string): Promise<VariableView> {
    return toVariableView(await this.find(this.database, scope, variableId));
  }

  /** Returns the variables of a group in all its environments, newest first. @throws GroupNotFound, InstanceNotFound */
  async list(scope: InstanceScope, query: VariableQuery): Promise<VariableListView> {
    await readGroup(this.database, scope, query.group_id);
    const precise = isPrecise(query, 'variable_name') || isPrecise(query, 'name');
    const filters = new Filters()
      .equal('v.group_id', query.group_id)
      .equal('v.env_id', query.env_id)
      .named('v.name', query.variable_name, precise);
    const { total, rows } = await listOf<VariableRow>(this.database, scope, { select: SELECT, from: FROM, filters }, query);
    return { total, size: rows.length, variables: rows.map(toVariableView) };
  }

  private find(rows: Rows, scope: InstanceScope, variableId: string): Promise<VariableRow> {
    return findIn(rows, scope, { select: SELECT, from: FROM }, variableId, () => new VariableNotFound(variableId));
  }

  private record(write: Write, caller: Caller, action: AuditAction, variable: VariableRow): Promise<void> {
    return this.audit.record(write, caller, {
      action,
      resourceType: 'EnvironmentVariable',
      resourceId: variable.id,
      resourceName: variable.name,
      detail: { group_id: variable.groupId, env_id: variable.envId },
    });
  }
}

function nameTaken(error: unknown): never {
  throw violates(error, UNIQUE_NAME) ? new VariableNameTaken() : error;
}
