import { Injectable } from '@nestjs/common';
import type { AuditAction } from '../../platform/audit/actions.js';
import { AuditService } from '../../platform/audit/audit.service.js';
import { ChangesService, type Write } from '../../platform/changes/changes.service.js';
import { newId } from '../../platform/common/ids.js';
import { isPrecise } from '../../platform/common/pagination.js';
import type { Caller } from '../../platform/common/principal.js';
import type { InstanceScope } from '../../platform/common/scope.js';
import { Config } from '../../platform/config/config.js';
import { Database } from '../../platform/database/database.js';
import { violates } from '../../platform/database/errors.js';
import { columnsOf } from '../../platform/database/columns.js';
import { inInstance } from '../instances/instance-scope.js';
import { GroupNameTaken, GroupNotEmpty, GroupNotFound, GroupQuotaExceeded } from './apis.errors.js';
import { GROUP, type GroupInput, type GroupListView, type GroupQuery, type GroupRow, type GroupView, toGroupView } from './groups.dto.js';
import { builtIn, NEW_RESPONSE } from './gateway-responses.dto.js';
import { domainsOf } from './group-domains.dto.js';
import { limitsOf } from './limits.js';
import { Filters, findIn, listOf } from './listing.js';
import { ApiGroup } from './group.entity.js';

const UNIQUE_NAME = { name: 'uq_api_groups_instance_name', columns: 'api_groups.instance_id, api_groups.name' };
const NEW_GROUP = columnsOf(ApiGroup).all();
const SELECT = GROUP.select;
const FROM = 'api_groups g';

/** Reads a group inside a write. @throws GroupNotFound */
export async function findGroup(write: Write, scope: InstanceScope, groupId: string): Promise<GroupRow> {
  const sql = `SELECT ${SELECT} FROM ${FROM} WHERE g.id = ? AND g.instance_id = ? AND g.project_id = ?`;
  const [group] = await write.rows<GroupRow>(sql, [groupId, scope.instanceId, scope.projectId]);
  if (!group) throw new GroupNotFound(groupId);
  return group;
}

/** Reads a group of a gateway. @throws GroupNotFound, InstanceNotFound */
export const readGroup = (database: Database, scope: InstanceScope, groupId: string): Promise<GroupRow> =>
  findIn<GroupRow>(database, scope, { select: SELECT, from: FROM }, groupId, () => new GroupNotFound(groupId));

/** API groups (docs/contracts/apig.md §3.3). */
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
      const { projectId, instanceId } = scope;
      const row = { id, name: input.name, remark, slDomainAccessEnabled: 1, createdAt: write.now, updatedAt: write.now };
      await write.run(NEW_GROUP.insert(), NEW_GROUP.values({ ...row, projectId, instanceId })).catch(nameTaken);
      await write.run(NEW_RESPONSE.insert(), NEW_RESPONSE.values({ ...scope, ...builtIn(id, write.now) }));
      await this.record(write, caller, 'CreateApiGroup', { id, name: input.name });
      write.change('group', id, 'created');
      return toGroupView(row, [], this.config.region, write.now);
    });
  }

  /** Replaces name and remark; an omitted remark is cleared. @throws GroupNotFound, GroupNameTaken, InstanceNotFound */
  update(scope: InstanceScope, groupId: string, input: GroupInput, caller: Caller): Promise<GroupView> {
    return this.changes.write(inInstance(scope), async (write) => {
      const before = await findGroup(write, scope, groupId);
      const after = { ...before, name: input.name, remark: input.remark ?? '', updatedAt: write.now };
      await write
        .run('UPDATE api_groups SET name = ?, remark = ?, updated_at = ? WHERE id = ?', [after.name, after.remark, write.now, groupId])
        .catch(nameTaken);
      await this.record(write, caller, 'UpdateApiGroup', after);
      write.change('group', groupId, 'updated');
      const domains = await domainsOf(write, [groupId]);
      return toGroupView(after, domains.get(groupId) ?? [], this.config.region, write.now);
    });
  }

  /** Stores whether the debugging domain may be used. The setting has no effect. @throws GroupNotFound, InstanceNotFound */
  async setSlDomainAccess(scope: InstanceScope, groupId: string, enabled: boolean, caller: Caller): Promise<void> {
    await this.changes.write(inInstance(scope), async (write) => {
      const group = await findGroup(write, scope, groupId);
      await write.run('UPDATE api_groups SET sl_domain_access_enabled = ?, updated_at = ? WHERE id = ?', [
        enabled ? 1 : 0,
        write.now,
        groupId,
      ]);
      await this.record(write, caller, 'UpdateApiGroup', group, { sl_domain_access_enabled: enabled });
      write.change('group', groupId, 'updated');
    });
  }

  /**
   * Deletes a group without APIs. Foreign keys also delete its variables, domains and responses. Creating an API takes the same lock:
   * either the API is created first and the group stays, or the creation finds no group.
   * @throws GroupNotFound, GroupNotEmpty, InstanceNotFound
   */
  async delete(scope: InstanceScope, groupId: string, caller: Caller): Promise<void> {
    await this.changes.write(inInstance(scope), async (write) => {
      const group = await findGroup(write, scope, groupId);
      const apis = await write.rows('SELECT 1 AS one FROM apis WHERE group_id = ? LIMIT 1', [groupId]);
      if (apis.length > 0) throw new GroupNotEmpty(groupId);
      const [variables] = await write.rows<{ deleted: number }>('SELECT COUNT(*) AS deleted FROM env_variables WHERE group_id = ?', [
        groupId,
      ]);
      await write.run('DELETE FROM api_groups WHERE id = ?', [groupId]);
      await this.record(write, caller, 'DeleteApiGroup', group, { variables: variables?.deleted ?? 0 });
      write.change('group', groupId, 'deleted');
    });
  }

  /** @throws GroupNotFound, InstanceNotFound */
  async get(scope: InstanceScope, groupId: string): Promise<GroupView> {
    const row = await readGroup(this.database, scope, groupId);
    const domains = await domainsOf(this.database, [groupId]);
    return toGroupView(row, domains.get(groupId) ?? [], this.config.region);
  }

  /** Returns the groups of a gateway, newest first. @throws InstanceNotFound */
  async list(scope: InstanceScope, query: GroupQuery): Promise<GroupListView> {
    const filters = new Filters().equal('g.id', query.id).named('g.name', query.name, isPrecise(query, 'name'));
    const { total, rows } = await listOf<GroupRow>(this.database, scope, { select: SELECT, from: FROM, filters }, query);
    const domains = await domainsOf(
      this.database,
      rows.map(({ id }) => id),
    );
    return { total, size: rows.length, groups: rows.map((row) => toGroupView(row, domains.get(row.id) ?? [], this.config.region)) };
  }

  /** Checks that a group name is not in use. @throws GroupNameTaken, InstanceNotFound */
  async check(scope: InstanceScope, name: string): Promise<void> {
    const filters = new Filters().equal('g.name', name);
    const { total } = await listOf<GroupRow>(this.database, scope, { select: SELECT, from: FROM, filters }, { limit: 1, offset: 0 });
    if (total > 0) throw new GroupNameTaken();
  }

  private record(
    write: Write,
    caller: Caller,
    action: AuditAction,
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
