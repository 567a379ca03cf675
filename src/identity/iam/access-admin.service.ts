import { Injectable } from '@nestjs/common';
import type { Caller } from '../../platform/common/principal.js';
import { Database } from '../../platform/database/database.js';
import { operator } from '../projects/operator.js';
import { UserGroupsService } from './user-groups.service.js';
import { IamAdminError, IamAdminService, type Named } from './iam-admin.service.js';
import { DEFAULT_DOMAIN } from './iam-file.js';
import { ACCESS_NAME } from './user-groups.dto.js';
import { NameTaken, PolicyRefused } from './iam.errors.js';
import { PoliciesService } from './policies.service.js';
import type { Policy } from './policy.entity.js';

export interface Membership {
  group: string;
  user: string;
  /** Domain of the user and the group. Default: `default`. */
  domain?: string;
}

export interface GroupSummary {
  id: string;
  name: string;
  domain: string;
  users: string[];
  roles: { project: string; role: string }[];
}

/** Administers groups and policies by name, for the command line and for `SIGNET_IAM_FILE` (iam-file.service.ts). */
@Injectable()
export class AccessAdminService {
  constructor(
    private readonly database: Database,
    private readonly admin: IamAdminService,
    private readonly groups: UserGroupsService,
    private readonly policies: PoliciesService,
  ) {}

  /** Creates a group if it does not exist. @returns the id of the group in both cases */
  async ensureGroup({ name, domain = DEFAULT_DOMAIN }: Named, description: string, caller: Caller): Promise<{ id: string }> {
    return this.addGroup({ name, domain }, description, caller).catch(async (error: unknown) => {
      if (!(error instanceof IamAdminError)) throw error;
      return { id: await this.admin.groupId({ name, domain }) };
    });
  }

  async addGroup(
    { name, domain = DEFAULT_DOMAIN }: Named,
    description = '',
    caller: Caller = operator('signet-cli'),
  ): Promise<{ id: string }> {
    if (!ACCESS_NAME.test(name)) throw new IamAdminError(`${name} is not a valid name of a group`);
    return this.groups.create(await this.admin.domainId(domain), { name, description }, caller).catch((error: unknown) => {
      throw error instanceof NameTaken ? new IamAdminError(`the group ${name} already exists`) : error;
    });
  }

  async deleteGroup({ name, domain = DEFAULT_DOMAIN }: Named, caller: Caller = operator('signet-cli')): Promise<void> {
    await this.groups.delete(await this.admin.domainId(domain), await this.admin.groupId({ name, domain }), caller);
  }

  async join({ group, user, domain = DEFAULT_DOMAIN }: Membership, caller: Caller = operator('signet-cli')): Promise<void> {
    const groupId = await this.admin.groupId({ name: group, domain });
    await this.groups.addUser(await this.admin.domainId(domain), groupId, (await this.admin.user({ name: user, domain })).id, caller);
  }

  async leave({ group, user, domain = DEFAULT_DOMAIN }: Membership, caller: Caller = operator('signet-cli')): Promise<void> {
    const [domainId, groupId] = [await this.admin.domainId(domain), await this.admin.groupId({ name: group, domain })];
    const { id } = await this.admin.user({ name: user, domain });
    await this.groups.assertMember(domainId, groupId, id).catch(() => {
      throw new IamAdminError(`the user ${user} is not in the group ${group}`);
    });
    await this.groups.removeUser(domainId, groupId, id, caller);
  }

  async listGroups(): Promise<GroupSummary[]> {
    const groups = await this.database.rows<Omit<GroupSummary, 'users' | 'roles'>>(
      'SELECT g.id, g.name, d.name AS domain FROM user_groups g JOIN domains d ON d.id = g.domain_id ORDER BY d.name, g.name',
    );
    const members = await this.database.rows<{ id: string; name: string }>(
      'SELECT m.group_id AS id, u.name FROM user_group_members m JOIN users u ON u.id = m.user_id ORDER BY u.name',
    );
    const roles = await this.database.rows<{ id: string; project: string; role: string }>(
      `SELECT r.group_id AS id, p.name AS project, COALESCE(q.name, r.role) AS role FROM group_role_assignments r
       JOIN projects p ON p.id = r.project_id LEFT JOIN policies q ON q.id = r.policy_id ORDER BY p.name, role`,
    );
    return groups.map((group) => ({
      ...group,
      users: members.filter(({ id }) => id === group.id).map(({ name }) => name),
      roles: roles.filter(({ id }) => id === group.id).map(({ project, role }) => ({ project, role })),
    }));
  }

  /** Creates a policy, or changes the existing one with this name. @returns the id of the policy */
  async putPolicy(
    { name, domain = DEFAULT_DOMAIN }: Named,
    { policy, description }: { policy: unknown; description?: string },
    caller: Caller = operator('signet-cli'),
  ): Promise<{ id: string }> {
    if (!ACCESS_NAME.test(name)) throw new IamAdminError(`${name} is not a valid name of a policy`);
    const domainId = await this.admin.domainId(domain);
    try {
      const there = await this.policy(domainId, name);
      if (there) return await this.change(there, { policy, description }, caller);
      return await this.policies.create(domainId, { name, policy, description }, caller).catch(async (error: unknown) => {
        // Another process that applies the same file has created the policy.
        const made = error instanceof NameTaken ? await this.policy(domainId, name) : undefined;
        if (!made) throw error instanceof NameTaken ? new IamAdminError(`the name ${name} is reserved for system policies`) : error;
        return this.change(made, { policy, description }, caller);
      });
    } catch (error) {
      throw error instanceof PolicyRefused ? new IamAdminError(error.message) : error;
    }
  }

  async deletePolicy({ name, domain = DEFAULT_DOMAIN }: Named, caller: Caller = operator('signet-cli')): Promise<void> {
    const domainId = await this.admin.domainId(domain);
    const policy = await this.policy(domainId, name);
    if (!policy) throw new IamAdminError(`there is no policy ${name} in the domain ${domain}`);
    await this.policies.delete(domainId, policy.id, caller);
  }

  async listPolicies(): Promise<{ id: string; name: string; domain: string; policy: unknown }[]> {
    const rows = await this.database.rows<{ id: string; name: string; domain: string; document: string }>(
      'SELECT q.id, q.name, d.name AS domain, q.document FROM policies q JOIN domains d ON d.id = q.domain_id ORDER BY d.name, q.name',
    );
    return rows.map(({ document, ...row }) => ({ ...row, policy: JSON.parse(document) as unknown }));
  }

  /** Writes nothing if nothing would change, because the file is applied at every start. */
  private async change(there: Policy, input: { policy: unknown; description?: string }, caller: Caller): Promise<{ id: string }> {
    const { policy, description = there.description } = input;
    if (JSON.stringify(policy) === there.document && description === there.description) return there;
    return this.policies.update(there.domainId, there.id, { policy, description }, caller);
  }

  private async policy(domainId: string, name: string): Promise<Policy | undefined> {
    return (await this.policies.list(domainId)).find((each) => each.name === name);
  }
}
