import { Injectable } from '@nestjs/common';
import { Database } from '../../platform/database/database.js';
import type { Rows } from '../../platform/database/tx.js';
import { columnsOf } from '../../platform/database/columns.js';
import { proof } from '../../platform/vault/mac-tables.js';
import { RowMacs } from '../../platform/vault/row-macs.js';
import { Domain, Project } from '../projects/project.entity.js';
import { User } from './user.entity.js';

/** An id or a name, as the caller gives it. */
export interface Reference {
  id?: string;
  name?: string;
}

/** A user with its domain. The user may be disabled. */
export interface UserRow {
  id: string;
  name: string;
  domainId: string;
  domainName: string;
  /** Whether both the user and its domain are enabled. */
  enabled: boolean;
  tokensValidFrom: number;
  /** The time from which the password must be changed before it gives a token, as Unix time in milliseconds. */
  passwordExpiresAt: number | null;
  /** The one-time passwords without which a password gives no token. */
  totpId: string | null;
}

/** A project in which a user has a role, with its domain. */
export interface ProjectRow {
  id: string;
  name: string;
  description: string;
  domainId: string;
  domainName: string;
  enabled: boolean;
}

/** A row as both databases return it, with 0 or 1 for a boolean. */
type Stored<T extends { enabled: boolean }> = Omit<T, 'enabled'> & { enabled: number };

const OF_DOMAIN = columnsOf(Domain, 'd').pick({ domainId: 'id', domainName: 'name' }).select;
const PASSWORD = columnsOf(User, 'u').pick('passwordHash').select;
const USER = `${columnsOf(User, 'u').pick('id', 'name', 'tokensValidFrom', 'passwordExpiresAt', 'totpId').select}, ${OF_DOMAIN},
  CASE WHEN u.enabled = 1 AND d.enabled = 1 THEN 1 ELSE 0 END AS enabled, ${proof('users', 'u')}, ${proof('domains', 'd')}`;
const OF_USER = { u: 'users', d: 'domains' } as const;
const PROJECT = `${columnsOf(Project, 'p').pick('id', 'name', 'description').select}, ${OF_DOMAIN},
  CASE WHEN p.enabled = 1 AND d.enabled = 1 THEN 1 ELSE 0 END AS enabled, ${proof('projects', 'p')}, ${proof('domains', 'd')}`;
const OF_PROJECT = { p: 'projects', d: 'domains' } as const;

/** The roles of a user, direct and through groups, each with the rows that prove it. The user's id is bound twice. */
const HELD = `(SELECT a.project_id, a.role, a.policy_id, 'role_assignments' AS heldIn, ${proof('role_assignments', 'a', 'held')},
    NULL AS memberCells, NULL AS memberMac FROM role_assignments a WHERE a.user_id = ?
  UNION ALL SELECT a.project_id, a.role, a.policy_id, 'group_role_assignments', ${proof('group_role_assignments', 'a', 'held')},
    ${proof('user_group_members', 'm', 'member')}
  FROM group_role_assignments a JOIN user_group_members m ON m.group_id = a.group_id WHERE m.user_id = ?)`;
/** The name of a role. An assignment names a policy of the domain by its id. */
const ROLE = 'COALESCE(q.name, r.role)';
const OF_POLICY = 'LEFT JOIN policies q ON q.id = r.policy_id';
const HELD_PROOF = `r.heldIn, r.heldCells, r.heldMac, r.memberCells, r.memberMac, ${proof('policies', 'q')}`;
const OF_HELD = { held: { tableIn: 'heldIn' }, member: 'user_group_members', q: 'policies' } as const;

/** Returns the roles of a user in a project, read through `reads`. */
export async function rolesHeld(macs: RowMacs, reads: Rows, userId: string, projectId: string): Promise<string[]> {
  const rows = await reads.rows<{ role: string }>(
    `SELECT ${ROLE} AS role, ${HELD_PROOF} FROM ${HELD} r ${OF_POLICY} WHERE r.project_id = ? ORDER BY role`,
    [userId, userId, projectId],
  );
  return unique((await macs.verified(reads, rows, OF_HELD)).map(({ role }) => role));
}

/**
 * Users, projects and role assignments. Disabled users, domains and projects have no roles. A row with an invalid MAC is treated as absent.
 */
@Injectable()
export class Directory {
  constructor(
    private readonly database: Database,
    private readonly macs: RowMacs,
  ) {}

  async userById(id: string): Promise<UserRow | undefined> {
    return (await this.usersWhere('u.id = ?', [id]))[0];
  }

  /** @param domain the domain of the user */
  async userByName(name: string, domain: Reference): Promise<UserRow | undefined> {
    if (domain.id !== undefined) return (await this.usersWhere('u.name = ? AND d.id = ?', [name, domain.id]))[0];
    return (await this.usersWhere('u.name = ? AND d.name = ?', [name, domain.name ?? '']))[0];
  }

  /** Returns the id of a domain that is given by id or name; undefined if there is none. */
  async domainId({ id, name }: Reference): Promise<string | undefined> {
    const [column, value] = id !== undefined ? ['id', id] : ['name', name ?? ''];
    return (await this.database.rows<{ id: string }>(`SELECT id FROM domains WHERE ${column} = ?`, [value]))[0]?.id;
  }

  /** Returns the users of a domain, by name. */
  async users(domainId: string, filter: Reference = {}): Promise<UserRow[]> {
    const { sql, values } = conditions({ 'u.id': filter.id, 'u.name': filter.name });
    return this.usersWhere(`d.id = ?${sql}`, [domainId, ...values]);
  }

  private async usersWhere(condition: string, values: readonly string[]): Promise<UserRow[]> {
    const sql = `SELECT ${USER} FROM users u JOIN domains d ON d.id = u.domain_id WHERE ${condition} ORDER BY u.name`;
    const rows = await this.macs.verified(this.database, await this.database.rows<Stored<UserRow>>(sql, values), OF_USER);
    return rows.map(enabledAsBoolean);
  }

  /** Returns the stored hash. Only read for a login and for a change of the password. */
  async passwordHash(userId: string): Promise<string | undefined> {
    const sql = `SELECT ${PASSWORD}, ${proof('users', 'u')} FROM users u WHERE u.id = ?`;
    const rows = await this.database.rows<{ passwordHash: string }>(sql, [userId]);
    return (await this.macs.one(this.database, rows, { u: 'users' }))?.passwordHash;
  }

  /** Whether this token was revoked, or its login session has ended. */
  async isRevoked({ tokenId, sessionId }: { tokenId: string; sessionId?: string }): Promise<boolean> {
    const ids = [tokenId, sessionId ?? tokenId];
    return (await this.database.rows('SELECT 1 AS one FROM revoked_tokens WHERE id IN (?, ?)', ids)).length > 0;
  }

  /**
   * Returns the project and the user's roles in it; undefined when the project is unknown or disabled, or when the user has no role in it.
   */
  async membership(
    userId: string,
    wanted: Reference,
    domain: Reference = {},
  ): Promise<{ project: ProjectRow; roles: string[] } | undefined> {
    const { sql, values } = conditions({ 'p.id': wanted.id, 'p.name': wanted.name, 'd.id': domain.id, 'd.name': domain.name });
    const found = await this.database.rows<Stored<ProjectRow> & { role: string }>(
      `SELECT ${PROJECT}, ${ROLE} AS role, ${HELD_PROOF} FROM ${HELD} r JOIN projects p ON p.id = r.project_id JOIN domains d ON d.id = p.domain_id
       ${OF_POLICY} WHERE p.enabled = 1 AND d.enabled = 1${sql} ORDER BY role`,
      [userId, userId, ...values],
    );
    const rows = await this.macs.verified(this.database, found, { ...OF_PROJECT, ...OF_HELD });
    const [first] = rows;
    if (!first) return undefined;
    const { id, name, description, domainId, domainName } = first;
    const project = { id, name, description, domainId, domainName, enabled: true };
    return { project, roles: unique(rows.filter((row) => row.id === id).map(({ role }) => role)) };
  }

  /** Returns the roles that a user has in any project of a domain. A domain-scoped token has these roles. */
  async rolesInDomain(userId: string, domainId: string): Promise<string[]> {
    const rows = await this.database.rows<{ role: string }>(
      `SELECT ${ROLE} AS role, ${HELD_PROOF}, ${proof('projects', 'p')} FROM ${HELD} r JOIN projects p ON p.id = r.project_id ${OF_POLICY}
       WHERE p.domain_id = ? AND p.enabled = 1 ORDER BY role`,
      [userId, userId, domainId],
    );
    return unique((await this.macs.verified(this.database, rows, { p: 'projects', ...OF_HELD })).map(({ role }) => role));
  }

  /** Returns the projects in which the user has a role, by name. */
  async projectsOf(userId: string, filter: { name?: string; domainId?: string } = {}): Promise<ProjectRow[]> {
    const { sql, values } = conditions({ 'p.name': filter.name, 'd.id': filter.domainId });
    const rows = await this.database.rows<Stored<ProjectRow>>(
      `SELECT ${PROJECT}, ${HELD_PROOF} FROM ${HELD} r JOIN projects p ON p.id = r.project_id JOIN domains d ON d.id = p.domain_id
       ${OF_POLICY} WHERE 1 = 1${sql} ORDER BY p.name, p.id`,
      [userId, userId, ...values],
    );
    const believed = await this.macs.verified(this.database, rows, { ...OF_PROJECT, ...OF_HELD });
    return [...new Map(believed.map((row) => [row.id, row])).values()].map(projectOf);
  }
}

const enabledAsBoolean = <T extends { enabled: number }>(row: T) => ({ ...row, enabled: row.enabled === 1 });

const projectOf = ({ id, name, description, domainId, domainName, enabled }: Stored<ProjectRow>): ProjectRow => ({
  id,
  name,
  description,
  domainId,
  domainName,
  enabled: enabled === 1,
});

const unique = <T>(values: readonly T[]): T[] => [...new Set(values)];

/** Returns ` AND column = ?` for each column that has a value. */
function conditions(wanted: Record<string, string | undefined>): { sql: string; values: string[] } {
  const given = Object.entries(wanted).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return { sql: given.map(([column]) => ` AND ${column} = ?`).join(''), values: given.map(([, value]) => value) };
}
