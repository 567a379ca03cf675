import { Injectable } from '@nestjs/common';
import { AuditService } from '../audit/audit.service.js';
import { SYSTEM_POLICY_NAMES } from '../auth/system-policies.js';
import { ChangesService, type Write } from '../changes/changes.service.js';
import { Clock } from '../common/clock.js';
import { newId } from '../common/ids.js';
import type { Caller } from '../common/principal.js';
import { Config } from '../config/config.js';
import { Database } from '../database/database.js';
import { violates } from '../database/errors.js';
import { operator } from '../projects/operator.js';
import { ProjectNameTaken } from '../projects/projects.errors.js';
import { inDomain, PROJECT_NAME, ProjectsService } from '../projects/projects.service.js';
import { AccessChanges } from './access-changes.js';
import { type AssignmentPath, AssignmentsService } from './assignments.service.js';
import { PASSWORD_MAX_CHARS } from './auth-tokens.dto.js';
import { AuthTokensService } from './auth-tokens.service.js';
import { Directory, type UserRow } from './directory.js';
import { UserGroupsService } from './user-groups.service.js';
import { DEFAULT_DOMAIN } from './iam-file.js';
import { generatePassword, Passwords } from './passwords.js';
import { type Role, rolesNamed } from './roles.js';
import { USER_NAME } from './user-name.js';

export const UNIQUE_USER_NAME = { name: 'uq_users_domain_name', columns: 'users.domain_id, users.name' };

/** What an operator asked for cannot be done; the message is for the operator. */
export class IamAdminError extends Error {}

/** A user or a project by its name and the name of its domain. */
export interface Named {
  name: string;
  /** Left out: `default`. */
  domain?: string;
}

/** Somebody's role, by names. */
export interface RoleChange {
  /** Either this or a group. */
  user?: string;
  group?: string;
  project: string;
  role: string;
  /** Domain of all. Left out: `default`. */
  domain?: string;
}

/** How a password is given: in clear, or hashed elsewhere (passwords.ts: isUsableHash). */
export type GivenPassword = { password: string } | { passwordHash: string };

export interface UserSummary {
  id: string;
  name: string;
  domain: string;
  enabled: boolean;
  roles: { project: string; role: string }[];
}

export interface ProjectSummary {
  id: string;
  name: string;
  domain: string;
  description: string;
}

/** The directory as its operator changes it: on the command line, or in a file (iam-file.service.ts). Nobody reaches it over HTTP. */
@Injectable()
export class IamAdminService {
  constructor(
    private readonly config: Config,
    private readonly clock: Clock,
    private readonly database: Database,
    private readonly changes: ChangesService,
    private readonly audit: AuditService,
    private readonly projects: ProjectsService,
    private readonly directory: Directory,
    private readonly passwords: Passwords,
    private readonly tokens: AuthTokensService,
    private readonly groups: UserGroupsService,
    private readonly assignments: AssignmentsService,
    private readonly access: AccessChanges,
  ) {}

  /** Adds a user without any role. @returns its id, and its password if it was made here */
  async addUser(
    { name, domain = DEFAULT_DOMAIN }: Named,
    given?: GivenPassword,
    enabled = true,
    caller: Caller = operator('signet-cli'),
  ): Promise<{ id: string; password?: string }> {
    if (!USER_NAME.test(name)) throw new IamAdminError(`${name} is no user name`);
    const { hash, generated } = await this.hashOf(given);
    const domainId = await this.domainId(domain);
    const id = newId();
    const sql =
      'INSERT INTO users (id, domain_id, name, password_hash, enabled, tokens_valid_from, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)';
    await this.changes.write(inDomain(domainId), async (write) => {
      // A user that is new has no old tokens, whatever the other processes' clocks say.
      await write.run(sql, [id, domainId, name, hash, enabled ? 1 : 0, 0, write.now]).catch((error: unknown) => {
        throw violates(error, UNIQUE_USER_NAME) ? new IamAdminError(`the user ${name} is there already`) : error;
      });
      await this.record(write, caller, 'CreateUser', { id, name }, { enabled });
    });
    return { id, ...(generated !== undefined && { password: generated }) };
  }

  /**
   * Gives a user a new password and ends its tokens.
   * @param replaces only if this hash is still the stored one: of several processes that apply one file, one wins
   * @returns the password if it was made here
   */
  async setPassword(
    user: Named,
    given?: GivenPassword,
    replaces?: string,
    caller: Caller = operator('signet-cli'),
  ): Promise<string | undefined> {
    const { id, name, domainId } = await this.user(user);
    const { hash, generated } = await this.hashOf(given);
    const only = replaces === undefined ? { sql: '', values: [] } : { sql: ' AND password_hash = ?', values: [replaces] };
    const sql = `UPDATE users SET password_hash = ?, tokens_valid_from = ? WHERE id = ?${only.sql}`;
    await this.changes.write(inDomain(domainId), async (write) => {
      const { affected } = await write.run(sql, [hash, write.now, id, ...only.values]);
      if (affected > 0) await this.record(write, caller, 'UpdateUserPassword', { id, name });
    });
    this.access.committed();
    return generated;
  }

  /** Lets a user in, or keeps it out. Tokens from before it was kept out stay dead. */
  async setEnabled(user: Named, enabled: boolean, caller: Caller = operator('signet-cli')): Promise<void> {
    const { id, name, domainId } = await this.user(user);
    const sql = enabled
      ? 'UPDATE users SET enabled = 1 WHERE id = ? AND enabled = 0'
      : 'UPDATE users SET enabled = 0, tokens_valid_from = ? WHERE id = ? AND enabled = 1';
    await this.changes.write(inDomain(domainId), async (write) => {
      const { affected } = await write.run(sql, enabled ? [id] : [write.now, id]);
      if (affected > 0) await this.record(write, caller, enabled ? 'EnableUser' : 'DisableUser', { id, name });
    });
    this.access.committed();
  }

  async listUsers(): Promise<UserSummary[]> {
    const rows = await this.database.rows<
      Omit<UserSummary, 'enabled' | 'roles'> & { enabled: number; project: string | null; role: string }
    >(
      `SELECT u.id, u.name, d.name AS domain, u.enabled, p.name AS project, COALESCE(q.name, r.role) AS role
       FROM users u JOIN domains d ON d.id = u.domain_id
       LEFT JOIN role_assignments r ON r.user_id = u.id LEFT JOIN policies q ON q.id = r.policy_id
       LEFT JOIN projects p ON p.id = r.project_id ORDER BY d.name, u.name, p.name, role`,
    );
    const users = new Map<string, UserSummary>();
    for (const { project, role, enabled, ...row } of rows) {
      const user = users.get(row.id) ?? { ...row, enabled: enabled === 1, roles: [] };
      if (project !== null) user.roles.push({ project, role });
      users.set(row.id, user);
    }
    return [...users.values()];
  }

  async addProject(
    { name, domain = DEFAULT_DOMAIN }: Named,
    description = '',
    caller: Caller = operator('signet-cli'),
  ): Promise<{ id: string }> {
    if (!PROJECT_NAME.test(name)) throw new IamAdminError(`${name} is no project name`);
    const domainId = await this.domainId(domain);
    const { id } = await this.projects.create(domainId, { name, description }, caller).catch((error: unknown) => {
      throw error instanceof ProjectNameTaken ? new IamAdminError(`the project ${name} is there already`) : error;
    });
    return { id };
  }

  async listProjects(): Promise<ProjectSummary[]> {
    return this.database.rows<ProjectSummary>(
      'SELECT p.id, p.name, d.name AS domain, p.description FROM projects p JOIN domains d ON d.id = p.domain_id ORDER BY d.name, p.name',
    );
  }

  /** @returns whether the user, or the group, did not hold the role before */
  async grant(change: RoleChange, caller: Caller = operator('signet-cli')): Promise<boolean> {
    const { path, role } = await this.assignment(change);
    return this.assignments.grant(path, role, caller);
  }

  /** @returns whether it held the role; it stops counting within the caches' 30 seconds */
  async revoke(change: RoleChange, caller: Caller = operator('signet-cli')): Promise<boolean> {
    const { path, role } = await this.assignment(change);
    return this.assignments.revoke(path, role, caller);
  }

  /** A token without a password, for whoever holds the database anyway: `signet token` in the local mode. */
  async issueToken(
    user: string,
    project: string,
    domain: string = DEFAULT_DOMAIN,
  ): Promise<{ token: string; projectId: string; expiresAt: number }> {
    const row = await this.user({ name: user, domain });
    if (!row.enabled) throw new IamAdminError(`the user ${user} is disabled`);
    const projectId = await this.projectId({ name: project, domain });
    const issuedAt = this.clock.now();
    const expiresAt = issuedAt + this.config.tokenTtlSeconds * 1000;
    const made = { methods: ['local'], issuedAt, expiresAt };
    const { token } = await this.tokens.issueFor(row, { project: { id: projectId } }, made).catch((error: unknown) => {
      throw new IamAdminError(`the user ${user} holds no role in the project ${project}`, { cause: error });
    });
    return { token, projectId, expiresAt };
  }

  private async assignment({ user, group, project, role, domain }: RoleChange): Promise<{ path: AssignmentPath; role: Role }> {
    if ((user === undefined) === (group === undefined)) throw new IamAdminError('name either a user or a group');
    const domainId = await this.domainId(domain ?? DEFAULT_DOMAIN);
    const [found] = await rolesNamed(this.database, domainId, [role]);
    if (!found) throw new IamAdminError(`${role} is no role: there are ${SYSTEM_POLICY_NAMES.join(', ')}, and policies of the domain`);
    const holderId = group === undefined ? (await this.user({ name: user ?? '', domain })).id : await this.groupId({ name: group, domain });
    const projectId = await this.projectId({ name: project, domain });
    return { path: { domainId, projectId, kind: group === undefined ? 'user' : 'group', holderId }, role: found };
  }

  private async record(
    write: Write,
    caller: Caller,
    action: string,
    { id, name }: { id: string; name: string },
    detail = {},
  ): Promise<void> {
    await this.audit.record(write, caller, { action, resourceType: 'User', resourceId: id, resourceName: name, detail });
    write.change('user', id, action === 'CreateUser' ? 'created' : 'updated');
  }

  private async hashOf(given: GivenPassword | undefined): Promise<{ hash: string; generated?: string }> {
    if (given && 'passwordHash' in given) return { hash: given.passwordHash };
    const generated = given ? undefined : generatePassword();
    const password = given?.password ?? generated ?? '';
    if (password.length === 0 || password.length > PASSWORD_MAX_CHARS)
      throw new IamAdminError(`a password has 1 to ${PASSWORD_MAX_CHARS} characters`);
    return { hash: await this.passwords.hash(password), generated };
  }

  /** @throws IamAdminError when there is none */
  async user({ name, domain = DEFAULT_DOMAIN }: Named): Promise<UserRow> {
    const user = await this.directory.userByName(name, { name: domain });
    if (!user) throw new IamAdminError(`there is no user ${name} in the domain ${domain}`);
    return user;
  }

  async domainId(name: string): Promise<string> {
    const [row] = await this.database.rows<{ id: string }>('SELECT id FROM domains WHERE name = ?', [name]);
    if (!row) throw new IamAdminError(`there is no domain ${name}`);
    return row.id;
  }

  async groupId({ name, domain = DEFAULT_DOMAIN }: Named): Promise<string> {
    const [group] = await this.groups.list(await this.domainId(domain), { name });
    if (!group) throw new IamAdminError(`there is no group ${name} in the domain ${domain}`);
    return group.id;
  }

  private async projectId({ name, domain = DEFAULT_DOMAIN }: Named): Promise<string> {
    const sql = 'SELECT p.id FROM projects p JOIN domains d ON d.id = p.domain_id WHERE p.name = ? AND d.name = ?';
    const [row] = await this.database.rows<{ id: string }>(sql, [name, domain]);
    if (!row) throw new IamAdminError(`there is no project ${name} in the domain ${domain}`);
    return row.id;
  }
}
