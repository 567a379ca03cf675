import { Injectable } from '@nestjs/common';
import type { AuditAction } from '../../platform/audit/actions.js';
import { AuditService } from '../../platform/audit/audit.service.js';
import type { NamedPolicy } from '../../platform/auth/policy.js';
import { ChangesService, type Write } from '../../platform/changes/changes.service.js';
import { ApiFault } from '../../platform/common/api-error.js';
import { newId } from '../../platform/common/ids.js';
import type { Caller } from '../../platform/common/principal.js';
import { Database } from '../../platform/database/database.js';
import { violates } from '../../platform/database/errors.js';
import { columnsOf } from '../../platform/database/columns.js';
import { inDomain } from '../projects/projects.service.js';
import { proof } from '../../platform/vault/mac-tables.js';
import { RowMacs } from '../../platform/vault/row-macs.js';
import { AuthorizationCacheInvalidator } from './authorization-cache-invalidator.js';
import { PrivilegeGuard } from './privilege-guard.js';
import type { UserRow } from './directory.js';
import { NameTaken } from './iam.errors.js';
import { SYSTEM_ROLES } from './roles.js';
import { GroupRoleAssignment, UserGroup } from './user-group.entity.js';
import { Policy } from './policy.entity.js';
import { User } from './user.entity.js';
import { Domain } from '../projects/project.entity.js';

const UNIQUE_NAME = { name: 'uq_user_groups_domain_name', columns: 'user_groups.domain_id, user_groups.name' };
const HELD = `${columnsOf(GroupRoleAssignment, 'r').pick('projectId', 'role').select}, ${columnsOf(Policy, 'q').pick('name', 'document').select}`;
const GROUP = columnsOf(UserGroup, 'g').except('mac');
const MEMBER = columnsOf(User, 'u').pick('id', 'name', 'tokensValidFrom', 'enabled');
const OF_DOMAIN = columnsOf(Domain, 'd').pick({ domainId: 'id', domainName: 'name' });
const SELECT = `SELECT ${GROUP.select}, ${proof('user_groups', 'g')}
  FROM user_groups g`;
const OF_GROUP = { g: 'user_groups' } as const;

/** A project in which a group has policies. */
interface Holding {
  projectId: string;
  policies: NamedPolicy[];
}

/** Groups of users. The users of a group share its roles. */
@Injectable()
export class UserGroupsService {
  constructor(
    private readonly database: Database,
    private readonly changes: ChangesService,
    private readonly audit: AuditService,
    private readonly privileges: PrivilegeGuard,
    private readonly authorizationCache: AuthorizationCacheInvalidator,
    private readonly macs: RowMacs,
  ) {}

  /** Creates a group without users and roles. @throws NameTaken */
  async create(domainId: string, { name, description = '' }: { name: string; description?: string }, caller: Caller): Promise<UserGroup> {
    const id = newId();
    return this.changes.write(inDomain(domainId), async (write) => {
      const row = { id, domain_id: domainId, name, description, created_at: write.now };
      await this.macs.insert(write, 'user_groups', row).catch(nameTaken);
      await this.record(write, caller, 'CreateUserGroup', { id, name });
      write.change('user_group', id, 'created');
      return { id, domainId, name, description, createdAt: write.now };
    });
  }

  /** Returns the groups of the domain, by name. @param userId only groups that contain this user */
  async list(domainId: string, filter: { name?: string; userId?: string } = {}): Promise<UserGroup[]> {
    const conditions = ['g.domain_id = ?'];
    const values = [domainId];
    if (filter.name !== undefined) {
      conditions.push('g.name = ?');
      values.push(filter.name);
    }
    if (filter.userId !== undefined) {
      conditions.push('EXISTS (SELECT 1 FROM user_group_members m WHERE m.group_id = g.id AND m.user_id = ?)');
      values.push(filter.userId);
    }
    const rows = await this.database.rows<UserGroup>(`${SELECT} WHERE ${conditions.join(' AND ')} ORDER BY g.name`, values);
    return this.macs.verified(this.database, rows, OF_GROUP);
  }

  /** @throws ApiFault `not_found` */
  async get(domainId: string, id: string): Promise<UserGroup> {
    const rows = await this.database.rows<UserGroup>(`${SELECT} WHERE g.id = ? AND g.domain_id = ?`, [id, domainId]);
    return there(await this.macs.verified(this.database, rows, OF_GROUP));
  }

  /** @throws ApiFault `not_found`, NameTaken */
  async update(domainId: string, id: string, input: { name?: string; description?: string }, caller: Caller): Promise<UserGroup> {
    return this.changes.write(inDomain(domainId), async (write) => {
      const before = await this.find(write, domainId, id);
      const { name = before.name, description = before.description } = input;
      await this.macs.update(write, 'user_groups', { id }, { name, description }).catch(nameTaken);
      await this.record(write, caller, 'UpdateUserGroup', { id, name }, name === before.name ? {} : { renamed_from: before.name });
      write.change('user_group', id, 'updated');
      return { ...before, name, description };
    });
  }

  /**
   * Deletes a group. Its users lose its roles. @throws ApiFault `not_found`; PrivilegeEscalation when this would remove a Deny that applies
   * to the caller
   */
  async delete(domainId: string, id: string, caller: Caller): Promise<void> {
    await this.changes.write(inDomain(domainId), async (write) => {
      const group = await this.find(write, domainId, id);
      await this.assertMay(write, caller, id, 'iam:groups:deleteGroup', 'lost');
      await write.run('DELETE FROM user_groups WHERE id = ?', [id]);
      await this.record(write, caller, 'DeleteUserGroup', group);
      write.change('user_group', id, 'deleted');
    });
    this.authorizationCache.invalidate();
  }

  /** Returns the users of a group, by name. @throws ApiFault `not_found` */
  async users(domainId: string, id: string): Promise<UserRow[]> {
    const group = await this.get(domainId, id);
    const rows = await this.database.rows<Omit<UserRow, 'enabled'> & { enabled: number }>(
      `SELECT ${MEMBER.select}, ${OF_DOMAIN.select},
         ${proof('user_group_members', 'm')}, ${proof('users', 'u')}
       FROM user_group_members m JOIN users u ON u.id = m.user_id JOIN domains d ON d.id = u.domain_id WHERE m.group_id = ? ORDER BY u.name`,
      [group.id],
    );
    const members = await this.macs.verified(this.database, rows, { m: 'user_group_members', u: 'users' });
    return members.map((row) => ({ ...row, enabled: row.enabled === 1 }));
  }

  /** @throws ApiFault `not_found` when the user or the group does not exist, or when the user is not in the group */
  async assertMember(domainId: string, id: string, userId: string): Promise<void> {
    const rows = await this.database.rows<object>(
      `SELECT ${proof('user_group_members', 'm')} FROM user_group_members m JOIN user_groups g ON g.id = m.group_id JOIN users u ON u.id = m.user_id
       WHERE m.group_id = ? AND m.user_id = ? AND g.domain_id = ? AND u.domain_id = ?`,
      [id, userId, domainId, domainId],
    );
    there(await this.macs.verified(this.database, rows, { m: 'user_group_members' }));
  }

  /** Adds a user to a group. Idempotent. @throws ApiFault `not_found`, PrivilegeEscalation */
  async addUser(domainId: string, id: string, userId: string, caller: Caller): Promise<void> {
    await this.changes.write(inDomain(domainId), async (write) => {
      const group = await this.find(write, domainId, id);
      const user = await findUser(write, domainId, userId);
      if (await isMember(write, id, userId)) return;
      await this.assertMay(write, caller, id, 'iam:permissions:addUserToGroup', 'gained');
      await this.macs.insert(write, 'user_group_members', { group_id: id, user_id: userId });
      await this.record(write, caller, 'AddUserToGroup', group, { user_id: userId, user: user.name });
      write.change('user_group', id, 'updated');
    });
    this.authorizationCache.invalidate();
  }

  /** @throws ApiFault `not_found`, also for a user who is not in the group; PrivilegeEscalation */
  async removeUser(domainId: string, id: string, userId: string, caller: Caller): Promise<void> {
    await this.changes.write(inDomain(domainId), async (write) => {
      const group = await this.find(write, domainId, id);
      const user = await findUser(write, domainId, userId);
      if (!(await isMember(write, id, userId))) throw new ApiFault('not_found');
      await this.assertMay(write, caller, id, 'iam:permissions:removeUserFromGroup', 'lost');
      await write.run('DELETE FROM user_group_members WHERE group_id = ? AND user_id = ?', [id, userId]);
      await this.record(write, caller, 'RemoveUserFromGroup', group, { user_id: userId, user: user.name });
      write.change('user_group', id, 'updated');
    });
    this.authorizationCache.invalidate();
  }

  /**
   * Checks the rights of the caller in every project in which the group has a role. If the caller cannot see a project, the change is
   * refused in the same way.
   */
  private async assertMay(write: Write, caller: Caller, id: string, action: string, as: 'gained' | 'lost'): Promise<void> {
    for (const { projectId, policies } of await holdings(this.macs, write, id)) {
      await this.privileges.assertHolds(write, caller, { projectId, action, [as]: policies }).catch((error: unknown) => {
        throw error instanceof ApiFault && error.kind === 'not_found' ? new ApiFault('forbidden') : error;
      });
    }
  }

  private async find(write: Write, domainId: string, id: string): Promise<UserGroup> {
    const rows = await write.rows<UserGroup>(`${SELECT} WHERE g.id = ? AND g.domain_id = ?`, [id, domainId]);
    return there(await this.macs.verified(write, rows, OF_GROUP));
  }

  private record(
    write: Write,
    caller: Caller,
    action: AuditAction,
    { id, name }: Pick<UserGroup, 'id' | 'name'>,
    detail = {},
  ): Promise<void> {
    return this.audit.record(write, caller, { action, resourceType: 'UserGroup', resourceId: id, resourceName: name, detail });
  }
}

function there<T>([row]: T[]): T {
  if (row === undefined) throw new ApiFault('not_found');
  return row;
}

const findUser = async (write: Write, domainId: string, userId: string) =>
  there(await write.rows<{ name: string }>('SELECT name FROM users WHERE id = ? AND domain_id = ?', [userId, domainId]));

const isMember = async (write: Write, id: string, userId: string) =>
  (await write.rows('SELECT 1 AS one FROM user_group_members WHERE group_id = ? AND user_id = ?', [id, userId])).length > 0;

async function holdings(macs: RowMacs, write: Write, id: string): Promise<Holding[]> {
  const rows = await write.rows<{ projectId: string; role: string; name: string | null; document: string | null }>(
    `SELECT ${HELD}, ${proof('group_role_assignments', 'r')}, ${proof('policies', 'q')}
     FROM group_role_assignments r LEFT JOIN policies q ON q.id = r.policy_id
     WHERE r.group_id = ?`,
    [id],
  );
  const found = new Map<string, Holding>();
  for (const { projectId, role, name, document } of await macs.verified(write, rows, { r: 'group_role_assignments', q: 'policies' })) {
    const holding = found.get(projectId) ?? { projectId, policies: [] };
    found.set(projectId, holding);
    const policy =
      document === null
        ? SYSTEM_ROLES.find((each) => each.name === role)
        : { name: name ?? '', document: JSON.parse(document) as NamedPolicy['document'] };
    if (policy) holding.policies.push(policy);
  }
  return [...found.values()];
}

function nameTaken(error: unknown): never {
  throw violates(error, UNIQUE_NAME) ? new NameTaken() : error;
}
