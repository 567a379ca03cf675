import { Injectable } from '@nestjs/common';
import { AuditService } from '../audit/audit.service.js';
import { ChangesService, type Write } from '../changes/changes.service.js';
import { newId } from '../common/ids.js';
import { isPrecise } from '../common/pagination.js';
import type { Caller } from '../common/principal.js';
import type { InstanceScope } from '../common/scope.js';
import { Config } from '../config/config.js';
import { Database } from '../database/database.js';
import { violates } from '../database/errors.js';
import { inInstance } from '../instances/instance-scope.js';
import { GroupNameTaken, GroupNotEmpty, GroupNotFound, GroupQuotaExceeded } from './apis.errors.js';
import {
  type GroupInput,
  type GroupListView,
  type GroupQuery,
  type GroupRow,
  type GroupView,
  toGroupView,
  type VariableListView,
  type VariableQuery,
} from './groups.dto.js';
import { limitsOf } from './limits.js';
import { Filters, findIn, listOf } from './listing.js';

const UNIQUE_NAME = { name: 'uq_api_groups_instance_name', columns: 'api_groups.instance_id, api_groups.name' };
const COLUMNS = 'id, project_id, instance_id, name, remark, sl_domain_access_enabled, created_at, updated_at';
const SELECT =
  'g.id, g.name, g.remark, g.sl_domain_access_enabled AS slDomainAccessEnabled, g.created_at AS createdAt, g.updated_at AS updatedAt';
const FROM = 'api_groups g';

/** API groups: apig §3.3. */
@Injectable()
export class GroupsService {
  constructor(
    private readonly database: Database,
    private readonly changes: ChangesService,
    private readonly audit: AuditService,
    private readonly config: Config,
  ) {}

  /** @throws GroupQuotaExceeded, GroupNameTaken, InstanceNotFound */
  create(scope: InstanceScope, input: GroupInput, caller: Caller): Promise<GroupView> {
    const id = newId();
    const remark = input.remark ?? '';
    return this.changes.write(inInstance(scope), async (write) => {
      const [quota] = await write.rows<{ used: number }>('SELECT COUNT(*) AS used FROM api_groups WHERE instance_id = ?', [
        scope.instanceId,
      ]);
      if ((quota?.used ?? 0) >= limitsOf(this.config)('APIGROUP_NUM_LIMIT')) throw new GroupQuotaExceeded();
      const values = [id, scope.projectId, scope.instanceId, input.name, remark, 1, write.now, write.now];
      await write.run(`INSERT INTO api_groups (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`, values).catch(nameTaken);
      await this.note(write, caller, 'CreateApiGroup', { id, name: input.name });
      write.change('group', id, 'created');
      const row = { id, name: input.name, remark, slDomainAccessEnabled: 1, createdAt: write.now, updatedAt: write.now };
      return toGroupView(row, this.config.region, write.now);
    });
  }

  /** Changes name and remark; an omitted remark stays. @throws GroupNotFound, GroupNameTaken, InstanceNotFound */
  update(scope: InstanceScope, groupId: string, input: GroupInput, caller: Caller): Promise<GroupView> {
    return this.changes.write(inInstance(scope), async (write) => {
      const before = await this.find(write, scope, groupId);
      const after = { ...before, name: input.name, remark: input.remark ?? before.remark, updatedAt: write.now };
      await write
        .run('UPDATE api_groups SET name = ?, remark = ?, updated_at = ? WHERE id = ?', [after.name, after.remark, write.now, groupId])
        .catch(nameTaken);
      await this.note(write, caller, 'UpdateApiGroup', after);
      write.change('group', groupId, 'updated');
      return toGroupView(after, this.config.region, write.now);
    });
  }

  /** Notes whether the debugging domain may be used. @throws GroupNotFound, InstanceNotFound */
  async setSlDomainAccess(scope: InstanceScope, groupId: string, enabled: boolean, caller: Caller): Promise<void> {
    await this.changes.write(inInstance(scope), async (write) => {
      const group = await this.find(write, scope, groupId);
      await write.run('UPDATE api_groups SET sl_domain_access_enabled = ?, updated_at = ? WHERE id = ?', [
        enabled ? 1 : 0,
        write.now,
        groupId,
      ]);
      await this.note(write, caller, 'UpdateApiGroup', group, { sl_domain_access_enabled: enabled });
      write.change('group', groupId, 'updated');
    });
  }

  /**
   * Deletes an empty group. Creating an API takes the same lock, so either that comes first and the group stays, or it
   * finds no group.
   * @throws GroupNotFound, GroupNotEmpty, InstanceNotFound
   */
  async delete(scope: InstanceScope, groupId: string, caller: Caller): Promise<void> {
    await this.changes.write(inInstance(scope), async (write) => {
      const group = await this.find(write, scope, groupId);
      const apis = await write.rows('SELECT 1 AS one FROM apis WHERE group_id = ? LIMIT 1', [groupId]);
      if (apis.length > 0) throw new GroupNotEmpty(groupId);
      await write.run('DELETE FROM api_groups WHERE id = ?', [groupId]);
      await this.note(write, caller, 'DeleteApiGroup', group);
      write.change('group', groupId, 'deleted');
    });
  }

  /** @throws GroupNotFound, InstanceNotFound */
  async get(scope: InstanceScope, groupId: string): Promise<GroupView> {
    const row = await findIn<GroupRow>(this.database, scope, { select: SELECT, from: FROM }, groupId, () => new GroupNotFound(groupId));
    return toGroupView(row, this.config.region);
  }

  /** Groups of a gateway, newest first. @throws InstanceNotFound */
  async list(scope: InstanceScope, query: GroupQuery): Promise<GroupListView> {
    const filters = new Filters().equal('g.id', query.id).named('g.name', query.name, isPrecise(query, 'name'));
    const { total, rows } = await listOf<GroupRow>(this.database, scope, { select: SELECT, from: FROM, filters }, query);
    return { total, size: rows.length, groups: rows.map((row) => toGroupView(row, this.config.region)) };
  }

  /** Whether a group could have this name: nothing, or an error. @throws GroupNameTaken, InstanceNotFound */
  async check(scope: InstanceScope, name: string): Promise<void> {
    const filters = new Filters().equal('g.name', name);
    const { total } = await listOf<GroupRow>(this.database, scope, { select: SELECT, from: FROM, filters }, { limit: 1, offset: 0 });
    if (total > 0) throw new GroupNameTaken();
  }

  /** Always an empty list. @throws GroupNotFound, InstanceNotFound */
  async variables(scope: InstanceScope, query: VariableQuery): Promise<VariableListView> {
    if (query.group_id !== undefined) await this.get(scope, query.group_id);
    else await this.list(scope, { limit: 1, offset: 0 });
    return { total: 0, size: 0, variables: [] };
  }

  private async find(write: Write, scope: InstanceScope, groupId: string): Promise<GroupRow> {
    const sql = `SELECT ${SELECT} FROM ${FROM} WHERE g.id = ? AND g.instance_id = ? AND g.project_id = ?`;
    const [group] = await write.rows<GroupRow>(sql, [groupId, scope.instanceId, scope.projectId]);
    if (!group) throw new GroupNotFound(groupId);
    return group;
  }

  private note(
    write: Write,
    caller: Caller,
    action: string,
    group: { id: string; name: string },
    detail?: Record<string, unknown>,
  ): Promise<void> {
    return this.audit.record(write, caller, {
      action,
      resourceType: 'ApiGroup',
      resourceId: group.id,
      resourceName: group.name,
      ...(detail && { detail }),
    });
  }
}

function nameTaken(error: unknown): never {
  throw violates(error, UNIQUE_NAME) ? new GroupNameTaken() : error;
}
