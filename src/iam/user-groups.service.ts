import { Injectable } from '@nestjs/common';
import { AuditService } from '../audit/audit.service.js';
import type { NamedPolicy } from '../auth/policy.js';
import { ChangesService, type Write } from '../changes/changes.service.js';
import { Fault } from '../common/api-error.js';
import { newId } from '../common/ids.js';
import type { Caller } from '../common/principal.js';
import { Database } from '../database/database.js';
import { violates } from '../database/errors.js';
import { inDomain } from '../projects/projects.service.js';
import { AccessChanges } from './access-changes.js';
import { Delegation } from './delegation.js';
import type { UserRow } from './directory.js';
import { NameTaken } from './iam.errors.js';
import { SYSTEM_ROLES } from './roles.js';
import type { UserGroup } from './user-group.entity.js';

const UNIQUE_NAME = { name: 'uq_user_groups_domain_name', columns: 'user_groups.domain_id, user_groups.name' };
const SELECT = 'SELECT g.id, g.domain_id AS domainId, g.name, g.description, g.created_at AS createdAt FROM user_groups g';

/** Where a group holds which policies. */
interface Holding {
  projectId: string;
  policies: NamedPolicy[];
}

/** Groups of users: whoever is in one holds its roles. */
@Injectable()
export class UserGroupsService {
  constructor(
    private readonly database: Database,
    private readonly changes: ChangesService,
    private readonly audit: AuditService,
    private readonly delegation: Delegation,
    private readonly access: AccessChanges,
  ) {}

  /** A group without users and roles. @throws NameTaken */
  async create(domainId: string, { name, description = '' }: { name: string; description?: string }, caller: Caller): Promise<UserGroup> {
    const id = newId();
    return this.changes.write(inDomain(domainId), async (write) => {
      const values = [id, domainId, name, description, write.now];
      const sql = 'INSERT INTO user_groups (id, domain_id, name, description, created_at) VALUES (?, ?, ?, ?, ?)';
      await write.run(sql, values).catch(nameTaken);
      await this.record(write, caller, 'CreateUserGroup', { id, name });
      write.change('user_group', id, 'created');
      return { id, domainId, name, description, createdAt: write.now };
    });
  }

  /** Groups of the domain, by name. @param userId only those that this user is in */
  list(domainId: string, filter: { name?: string; userId?: string } = {}): Promise<UserGroup[]> {
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
    return this.database.rows<UserGroup>(`${SELECT} WHERE ${conditions.join(' AND ')} ORDER BY g.name`, values);
  }

  /** @throws Fault `not_found` */
  async get(domainId: string, id: string): Promise<UserGroup> {
    return there(await this.database.rows<UserGroup>(`${SELECT} WHERE g.id = ? AND g.domain_id = ?`, [id, domainId]));
  }

  /** @throws Fault `not_found`, NameTaken */
  async update(domainId: string, id: string, input: { name?: string; description?: string }, caller: Caller): Promise<UserGroup> {
    return this.changes.write(inDomain(domainId), async (write) => {
      const before = await this.find(write, domainId, id);
      const { name = before.name, description = before.description } = input;
      await write.run('UPDATE user_groups SET name = ?, description = ? WHERE id = ?', [name, description, id]).catch(nameTaken);
      await this.record(write, caller, 'UpdateUserGroup', { id, name }, name === before.name ? {} : { renamed_from: before.name });
      write.change('user_group', id, 'updated');
      return { ...before, name, description };
    });
  }

  /** Deletes a group; its users lose its roles. @throws Fault `not_found`; NotHeld when that would lift a Deny that binds the caller */
  async delete(domainId: string, id: string, caller: Caller): Promise<void> {
    await this.changes.write(inDomain(domainId), async (write) => {
      const group = await this.find(write, domainId, id);
      await this.assertMay(write, caller, id, 'iam:groups:deleteGroup', 'lost');
      await write.run('DELETE FROM user_groups WHERE id = ?', [id]);
      await this.record(write, caller, 'DeleteUserGroup', group);
      write.change('user_group', id, 'deleted');
    });
    this.access.committed();
  }

  /** Users of a group, by name. @throws Fault `not_found` */
  async users(domainId: string, id: string): Promise<UserRow[]> {
    const group = await this.get(domainId, id);
    const rows = await this.database.rows<Omit<UserRow, 'enabled'> & { enabled: number }>(
      `SELECT u.id, u.name, u.tokens_valid_from AS tokensValidFrom, u.enabled, d.id AS domainId, d.name AS domainName
       FROM user_group_members m JOIN users u ON u.id = m.user_id JOIN domains d ON d.id = u.domain_id WHERE m.group_id = ? ORDER BY u.name`,
      [group.id],
    );
    return rows.map((row) => ({ ...row, enabled: row.enabled === 1 }));
  }

  /** @throws Fault `not_found` when either is not there, or the user is not in the group */
  async assertMember(domainId: string, id: string, userId: string): Promise<void> {
    there(
      await this.database.rows(
        `SELECT 1 AS one FROM user_group_members m JOIN user_groups g ON g.id = m.group_id JOIN users u ON u.id = m.user_id
         WHERE m.group_id = ? AND m.user_id = ? AND g.domain_id = ? AND u.domain_id = ?`,
        [id, userId, domainId, domainId],
      ),
    );
  }

  /** Puts a user into a group; nothing happens to one that is in it. @throws Fault `not_found`, NotHeld */
  async addUser(domainId: string, id: string, userId: string, caller: Caller): Promise<void> {
    await this.changes.write(inDomain(domainId), async (write) => {
      const group = await this.find(write, domainId, id);
      const user = await findUser(write, domainId, userId);
      if (await isMember(write, id, userId)) return;
      await this.assertMay(write, caller, id, 'iam:permissions:addUserToGroup', 'gained');
      await write.run('INSERT INTO user_group_members (group_id, user_id) VALUES (?, ?)', [id, userId]);
      await this.record(write, caller, 'AddUserToGroup', group, { user_id: userId, user: user.name });
      write.change('user_group', id, 'updated');
    });
    this.access.committed();
  }

  /** @throws Fault `not_found` also for a user that is not in the group; NotHeld */
  async removeUser(domainId: string, id: string, userId: string, caller: Caller): Promise<void> {
    await this.changes.write(inDomain(domainId), async (write) => {
      const group = await this.find(write, domainId, id);
      const user = await findUser(write, domainId, userId);
      if (!(await isMember(write, id, userId))) throw new Fault('not_found');
      await this.assertMay(write, caller, id, 'iam:permissions:removeUserFromGroup', 'lost');
      await write.run('DELETE FROM user_group_members WHERE group_id = ? AND user_id = ?', [id, userId]);
      await this.record(write, caller, 'RemoveUserFromGroup', group, { user_id: userId, user: user.name });
      write.change('user_group', id, 'updated');
    });
    this.access.committed();
  }

  /** In every project in which the group holds a role. A project of which the caller knows nothing is refused like any other. */
  private async assertMay(write: Write, caller: Caller, id: string, action: string, as: 'gained' | 'lost'): Promise<void> {
    for (const { projectId, policies } of await holdings(write, id)) {
      await this.delegation.assert(write, caller, { projectId, action, [as]: policies }).catch((error: unknown) => {
        throw error instanceof Fault && error.kind === 'not_found' ? new Fault('forbidden') : error;
      });
    }
  }

  private async find(write: Write, domainId: string, id: string): Promise<UserGroup> {
    return there(await write.rows<UserGroup>(`${SELECT} WHERE g.id = ? AND g.domain_id = ?`, [id, domainId]));
  }

  private record(write: Write, caller: Caller, action: string, { id, name }: Pick<UserGroup, 'id' | 'name'>, detail = {}): Promise<void> {
    return this.audit.record(write, caller, { action, resourceType: 'UserGroup', resourceId: id, resourceName: name, detail });
  }
}

function there<T>([row]: T[]): T {
  if (row === undefined) throw new Fault('not_found');
  return row;
}

const findUser = async (write: Write, domainId: string, userId: string) =>
  there(await write.rows<{ name: string }>('SELECT name FROM users WHERE id = ? AND domain_id = ?', [userId, domainId]));

const isMember = async (write: Write, id: string, userId: string) =>
  (await write.rows('SELECT 1 AS one FROM user_group_members WHERE group_id = ? AND user_id = ?', [id, userId])).length > 0;

async function holdings(write: Write, id: string): Promise<Holding[]> {
  const rows = await write.rows<{ projectId: string; role: string; name: string | null; document: string | null }>(
    `SELECT r.project_id AS projectId, r.role, q.name, q.document FROM group_role_assignments r LEFT JOIN policies q ON q.id = r.policy_id
     WHERE r.group_id = ?`,
    [id],
  );
  const found = new Map<string, Holding>();
  for (const { projectId, role, name, document } of rows) {
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
