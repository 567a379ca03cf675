import { Injectable } from '@nestjs/common';
import { AuditService } from '../audit/audit.service.js';
import { SYSTEM_POLICY_NAMES } from '../auth/system-policies.js';
import { ChangesService } from '../changes/changes.service.js';
import { Clock } from '../common/clock.js';
import { newId } from '../common/ids.js';
import type { Caller } from '../common/principal.js';
import { Config } from '../config/config.js';
import { Database } from '../database/database.js';
import { violates } from '../database/errors.js';
import { operator } from '../projects/operator.js';
import { ProjectNameTaken } from '../projects/projects.errors.js';
import { inProject, PROJECT_NAME, ProjectsService } from '../projects/projects.service.js';
import { PASSWORD_MAX_CHARS } from './auth-tokens.dto.js';
import { AuthTokensService } from './auth-tokens.service.js';
import { Directory, type UserRow } from './directory.js';
import { DEFAULT_DOMAIN } from './iam-file.js';
import { generatePassword, Passwords } from './passwords.js';
import { assignRoles } from './roles.js';
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

export interface RoleChange {
  user: string;
  project: string;
  role: string;
  /** Domain of both. Left out: `default`. */
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
  ) {}

  /** Adds a user without any role. @returns its id, and its password if it was made here */
  async addUser(
    { name, domain = DEFAULT_DOMAIN }: Named,
    given?: GivenPassword,
    enabled = true,
  ): Promise<{ id: string; password?: string }> {
    if (!USER_NAME.test(name)) throw new IamAdminError(`${name} is no user name`);
    const { hash, generated } = await this.hashOf(given);
    const domainId = await this.domainId(domain);
    const id = newId();
    // A user that is new has no old tokens, whatever the other processes' clocks say.
    const row = [id, domainId, name, hash, enabled ? 1 : 0, 0, this.clock.now()];
    const sql =
      'INSERT INTO users (id, domain_id, name, password_hash, enabled, tokens_valid_from, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)';
    await this.database.transaction((tx) =>
      tx.run(sql, row).catch((error: unknown) => {
        throw violates(error, UNIQUE_USER_NAME) ? new IamAdminError(`the user ${name} is there already`) : error;
      }),
    );
    return { id, ...(generated !== undefined && { password: generated }) };
  }

  /**
   * Gives a user a new password and ends its tokens.
   * @param replaces only if this hash is still the stored one: of several processes that apply one file, one wins
   * @returns the password if it was made here
   */
  async setPassword(user: Named, given?: GivenPassword, replaces?: string): Promise<string | undefined> {
    const { id } = await this.user(user);
    const { hash, generated } = await this.hashOf(given);
    const only = replaces === undefined ? { sql: '', values: [] } : { sql: ' AND password_hash = ?', values: [replaces] };
    const sql = `UPDATE users SET password_hash = ?, tokens_valid_from = ? WHERE id = ?${only.sql}`;
    await this.database.transaction((tx) => tx.run(sql, [hash, this.clock.now(), id, ...only.values]));
    return generated;
  }

  /** Lets a user in, or keeps it out. Tokens from before it was kept out stay dead. */
  async setEnabled(user: Named, enabled: boolean): Promise<void> {
    const { id } = await this.user(user);
    const sql = enabled
      ? 'UPDATE users SET enabled = 1 WHERE id = ? AND enabled = 0'
      : 'UPDATE users SET enabled = 0, tokens_valid_from = ? WHERE id = ? AND enabled = 1';
    await this.database.transaction((tx) => tx.run(sql, enabled ? [id] : [this.clock.now(), id]));
  }

  async listUsers(): Promise<UserSummary[]> {
    const rows = await this.database.rows<
      Omit<UserSummary, 'enabled' | 'roles'> & { enabled: number; project: string | null; role: string }
    >(
      `SELECT u.id, u.name, d.name AS domain, u.enabled, p.name AS project, r.role
       FROM users u JOIN domains d ON d.id = u.domain_id
       LEFT JOIN role_assignments r ON r.user_id = u.id LEFT JOIN projects p ON p.id = r.project_id
       ORDER BY d.name, u.name, p.name, r.role`,
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

  /** @returns whether the user did not hold the role before */
  async grant({ user: userName, project, role, domain }: RoleChange, caller: Caller = operator('signet-cli')): Promise<boolean> {
    if (!SYSTEM_POLICY_NAMES.includes(role)) throw new IamAdminError(`${role} is no role: there are ${SYSTEM_POLICY_NAMES.join(', ')}`);
    const user = await this.user({ name: userName, domain });
    const projectId = await this.projectId({ name: project, domain });
    return this.changes.write(inProject({ projectId }), async (write) => {
      const added = await assignRoles(write, user.id, [role]);
      if (added.length === 0) return false;
      const detail = { user: user.name };
      await this.audit.record(write, caller, {
        action: 'GrantRole',
        resourceType: 'Role',
        resourceId: user.id,
        resourceName: role,
        detail,
      });
      write.change('role', user.id, 'created');
      return true;
    });
  }

  /** @returns whether the user held the role; it stops counting within the token cache's 30 seconds */
  async revoke({ user: userName, project, role, domain }: RoleChange, caller: Caller = operator('signet-cli')): Promise<boolean> {
    const user = await this.user({ name: userName, domain });
    const projectId = await this.projectId({ name: project, domain });
    return this.changes.write(inProject({ projectId }), async (write) => {
      const sql = 'DELETE FROM role_assignments WHERE user_id = ? AND project_id = ? AND role = ?';
      const { affected } = await write.run(sql, [user.id, projectId, role]);
      if (affected === 0) return false;
      const detail = { user: user.name };
      await this.audit.record(write, caller, {
        action: 'RevokeRole',
        resourceType: 'Role',
        resourceId: user.id,
        resourceName: role,
        detail,
      });
      write.change('role', user.id, 'deleted');
      return true;
    });
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

  private async domainId(name: string): Promise<string> {
    const [row] = await this.database.rows<{ id: string }>('SELECT id FROM domains WHERE name = ?', [name]);
    if (!row) throw new IamAdminError(`there is no domain ${name}`);
    return row.id;
  }

  private async projectId({ name, domain = DEFAULT_DOMAIN }: Named): Promise<string> {
    const sql = 'SELECT p.id FROM projects p JOIN domains d ON d.id = p.domain_id WHERE p.name = ? AND d.name = ?';
    const [row] = await this.database.rows<{ id: string }>(sql, [name, domain]);
    if (!row) throw new IamAdminError(`there is no project ${name} in the domain ${domain}`);
    return row.id;
  }
}
