import { Injectable } from '@nestjs/common';
import type { AuditAction } from '../../platform/audit/actions.js';
import { AuditService } from '../../platform/audit/audit.service.js';
import { SYSTEM_POLICY_NAMES } from '../../platform/auth/system-policies.js';
import { ChangesService, type Write } from '../../platform/changes/changes.service.js';
import { Clock } from '../../platform/common/clock.js';
import { newId } from '../../platform/common/ids.js';
import type { Caller } from '../../platform/common/principal.js';
import { Config } from '../../platform/config/config.js';
import { Database } from '../../platform/database/database.js';
import { violates } from '../../platform/database/errors.js';
import { proof } from '../../platform/vault/mac-tables.js';
import { RowMacs } from '../../platform/vault/row-macs.js';
import { operator } from '../projects/operator.js';
import { ProjectNameTaken } from '../projects/projects.errors.js';
import { inDomain, PROJECT_NAME, ProjectsService } from '../projects/projects.service.js';
import { AuthorizationCacheInvalidator } from './authorization-cache-invalidator.js';
import { type AssignmentPath, AssignmentsService } from './assignments.service.js';
import { PASSWORD_MAX_CHARS, PASSWORD_MIN_CHARS } from './auth-tokens.dto.js';
import { AuthTokensService } from './auth-tokens.service.js';
import { Directory, type UserRow } from './directory.js';
import { UserGroupsService } from './user-groups.service.js';
import { DEFAULT_DOMAIN } from './iam-file.js';
import { generatePassword, Passwords } from './passwords.js';
import { type Role, rolesNamed } from './roles.js';
import { TotpService } from './totp.service.js';
import { USER_NAME } from './user-name.js';

export const UNIQUE_USER_NAME = { name: 'uq_users_domain_name', columns: 'users.domain_id, users.name' };

/** The operator's request cannot be fulfilled. The message says why. */
export class IamAdminError extends Error {}

/** A user or a project, by its name and the name of its domain. */
export interface Named {
  name: string;
  /** Default: `default`. */
  domain?: string;
}

/** A role of a user or a group, by names. */
export interface RoleChange {
  /** Either a user or a group. */
  user?: string;
  group?: string;
  project: string;
  role: string;
  /** Domain of all of them. Default: `default`. */
  domain?: string;
}

/** A password in plain text, or its hash (`isUsableHash` in passwords.ts). */
export type GivenPassword = { password: string } | { passwordHash: string };

/** How a password is set. */
export interface PasswordOptions {
  /**
   * Whether the user must change the password before it gives a token. Default: only if it was generated, because whoever ran the command
   * has seen it.
   */
  mustChange?: boolean;
  caller?: Caller;
}

export interface UserSummary {
  id: string;
  name: string;
  domain: string;
  enabled: boolean;
  /** Whether a password gives a token only together with a one-time password. */
  totp: boolean;
  roles: { project: string; role: string }[];
}

export interface ProjectSummary {
  id: string;
  name: string;
  domain: string;
  description: string;
}

/** The origin of a command on the machine of the service, which has no address. */
const LOCAL = { requestId: '', sourceAddress: '', userAgent: '' };

/**
 * Administers users, projects and roles, for the command line and for `SIGNET_IAM_FILE` (iam-file.service.ts). Cannot be reached over HTTP.
 */
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
    private readonly totp: TotpService,
    private readonly groups: UserGroupsService,
    private readonly assignments: AssignmentsService,
    private readonly authorizationCache: AuthorizationCacheInvalidator,
    private readonly macs: RowMacs,
  ) {}

  /** Adds a user without any role. @returns the id of the user, and the password if it was generated */
  async addUser(
    { name, domain = DEFAULT_DOMAIN }: Named,
    given?: GivenPassword,
    { enabled = true, mustChange = given === undefined, caller = operator('signet-cli') }: PasswordOptions & { enabled?: boolean } = {},
  ): Promise<{ id: string; password?: string }> {
    if (!USER_NAME.test(name)) throw new IamAdminError(`${name} is not a valid name of a user`);
    const { hash, generated } = await this.hashOf(given);
    const domainId = await this.domainId(domain);
    const id = newId();
    await this.changes.write(inDomain(domainId), async (write) => {
      // A new user has no old tokens, so the clocks of other processes do not matter.
      const row = {
        id,
        domain_id: domainId,
        name,
        password_hash: hash,
        enabled: enabled ? 1 : 0,
        tokens_valid_from: 0,
        created_at: write.now,
        password_expires_at: mustChange ? write.now : null,
        totp_id: null,
      };
      await this.macs.insert(write, 'users', row).catch((error: unknown) => {
        throw violates(error, UNIQUE_USER_NAME) ? new IamAdminError(`the user ${name} already exists`) : error;
      });
      await this.record(write, caller, 'CreateUser', { id, name }, { enabled });
    });
    return { id, ...(generated !== undefined && { password: generated }) };
  }

  /**
   * Sets a new password and ends the user's tokens.
   * @param replaces the password changes only if this hash is still stored, so that one of several processes that apply a file does it
   * @returns the password if it was generated
   */
  async setPassword(
    user: Named,
    given?: GivenPassword,
    { replaces, mustChange = given === undefined, caller = operator('signet-cli') }: PasswordOptions & { replaces?: string } = {},
  ): Promise<string | undefined> {
    const { id, name, domainId } = await this.user(user);
    const { hash, generated } = await this.hashOf(given);
    await this.changes.write(inDomain(domainId), async (write) => {
      const changes = { password_hash: hash, tokens_valid_from: write.now, password_expires_at: mustChange ? write.now : null };
      const only = (before: { [column: string]: unknown }) => replaces === undefined || before['password_hash'] === replaces;
      if (await this.macs.update(write, 'users', { id }, changes, only))
        await this.record(write, caller, 'UpdateUserPassword', { id, name });
    });
    this.authorizationCache.invalidate();
    return generated;
  }

  /** Enables or disables a user. If a user is enabled again, its earlier tokens stay invalid. */
  async setEnabled(user: Named, enabled: boolean, caller: Caller = operator('signet-cli')): Promise<void> {
    const { id, name, domainId } = await this.user(user);
    await this.changes.write(inDomain(domainId), async (write) => {
      const changes: Record<string, number> = enabled ? { enabled: 1 } : { enabled: 0, tokens_valid_from: write.now };
      const only = (before: { [column: string]: unknown }) => before['enabled'] === (enabled ? 0 : 1);
      if (await this.macs.update(write, 'users', { id }, changes, only))
        await this.record(write, caller, enabled ? 'EnableUser' : 'DisableUser', { id, name });
    });
    this.authorizationCache.invalidate();
  }

  /** Removes the one-time passwords of a user who has lost the device. @returns whether there were any */
  async resetTotp(user: Named, caller: Caller = operator('signet-cli')): Promise<boolean> {
    return this.totp.remove(await this.user(user), caller);
  }

  async listUsers(): Promise<UserSummary[]> {
    const rows = await this.database.rows<
      Omit<UserSummary, 'enabled' | 'totp' | 'roles'> & { enabled: number; totp: number; project: string | null; role: string }
    >(
      `SELECT u.id, u.name, d.name AS domain, u.enabled, u.totp_id IS NOT NULL AS totp, p.name AS project, COALESCE(q.name, r.role) AS role
       FROM users u JOIN domains d ON d.id = u.domain_id
       LEFT JOIN role_assignments r ON r.user_id = u.id LEFT JOIN policies q ON q.id = r.policy_id
       LEFT JOIN projects p ON p.id = r.project_id ORDER BY d.name, u.name, p.name, role`,
    );
    const users = new Map<string, UserSummary>();
    for (const { project, role, enabled, totp, ...row } of rows) {
      const user = users.get(row.id) ?? { ...row, enabled: enabled === 1, totp: totp === 1, roles: [] };
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
    if (!PROJECT_NAME.test(name)) throw new IamAdminError(`${name} is not a valid name of a project`);
    const domainId = await this.domainId(domain);
    const { id } = await this.projects.create(domainId, { name, description }, caller).catch((error: unknown) => {
      throw error instanceof ProjectNameTaken ? new IamAdminError(`the project ${name} already exists`) : error;
    });
    return { id };
  }

  async listProjects(): Promise<ProjectSummary[]> {
    return this.database.rows<ProjectSummary>(
      'SELECT p.id, p.name, d.name AS domain, p.description FROM projects p JOIN domains d ON d.id = p.domain_id ORDER BY d.name, p.name',
    );
  }

  /** @returns whether the user or group did not have the role before */
  async grant(change: RoleChange, caller: Caller = operator('signet-cli')): Promise<boolean> {
    const { path, role } = await this.assignment(change);
    return this.assignments.grant(path, role, caller);
  }

  /**
   * @returns whether the user or group had the role. The change applies when cached entries are not fresh any more
   * (platform/auth/freshness.ts)
   */
  async revoke(change: RoleChange, caller: Caller = operator('signet-cli')): Promise<boolean> {
    const { path, role } = await this.assignment(change);
    return this.assignments.revoke(path, role, caller);
  }

  /** Issues a token without a password, for an operator with access to the database: `signet admin token` in the local mode. */
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
    const { token } = await this.tokens.issueFor(row, { project: { id: projectId } }, made, LOCAL).catch((error: unknown) => {
      throw new IamAdminError(`the user ${user} has no role in the project ${project}`, { cause: error });
    });
    return { token, projectId, expiresAt };
  }

  private async assignment({ user, group, project, role, domain }: RoleChange): Promise<{ path: AssignmentPath; role: Role }> {
    if ((user === undefined) === (group === undefined)) throw new IamAdminError('name either a user or a group');
    const domainId = await this.domainId(domain ?? DEFAULT_DOMAIN);
    const [found] = await rolesNamed(this.macs, this.database, domainId, [role]);
    if (!found)
      throw new IamAdminError(`${role} is not a role: the roles are ${SYSTEM_POLICY_NAMES.join(', ')} and the policies of the domain`);
    const holderId = group === undefined ? (await this.user({ name: user ?? '', domain })).id : await this.groupId({ name: group, domain });
    const projectId = await this.projectId({ name: project, domain });
    return { path: { domainId, projectId, kind: group === undefined ? 'user' : 'group', holderId }, role: found };
  }

  private async record(
    write: Write,
    caller: Caller,
    action: AuditAction,
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
    if (password.length < PASSWORD_MIN_CHARS || password.length > PASSWORD_MAX_CHARS)
      throw new IamAdminError(`the password must have ${PASSWORD_MIN_CHARS} to ${PASSWORD_MAX_CHARS} characters`);
    return { hash: await this.passwords.hash(password), generated };
  }

  /** @throws IamAdminError when there is none */
  async user({ name, domain = DEFAULT_DOMAIN }: Named): Promise<UserRow> {
    const user = (await this.directory.userByName(name, { name: domain })) ?? (await this.directory.userById(name));
    if (!user) throw new IamAdminError(`there is no user ${name} in the domain ${domain}`);
    return user;
  }

  async domainId(name: string): Promise<string> {
    const sql = `SELECT d.id, ${proof('domains', 'd')} FROM domains d WHERE d.name = ?`;
    const row = await this.macs.one(this.database, await this.database.rows<{ id: string }>(sql, [name]), { d: 'domains' });
    if (!row) throw new IamAdminError(`there is no domain ${name}`);
    return row.id;
  }

  async groupId({ name, domain = DEFAULT_DOMAIN }: Named): Promise<string> {
    const [group] = await this.groups.list(await this.domainId(domain), { name });
    if (!group) throw new IamAdminError(`there is no group ${name} in the domain ${domain}`);
    return group.id;
  }

  private async projectId({ name, domain = DEFAULT_DOMAIN }: Named): Promise<string> {
    const sql = `SELECT p.id, ${proof('projects', 'p')}, ${proof('domains', 'd')} FROM projects p JOIN domains d ON d.id = p.domain_id
      WHERE p.id = ? OR (p.name = ? AND d.name = ?) ORDER BY p.id = ? DESC LIMIT 1`;
    const rows = await this.database.rows<{ id: string }>(sql, [name, name, domain, name]);
    const row = await this.macs.one(this.database, rows, { p: 'projects', d: 'domains' });
    if (!row) throw new IamAdminError(`there is no project ${name} in the domain ${domain}`);
    return row.id;
  }
}
