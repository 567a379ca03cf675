import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import type { Reads } from '../database/tx.js';

/** An id or a name, as callers give it. */
export interface Reference {
  id?: string;
  name?: string;
}

/** A user with its domain, enabled or not. */
export interface UserRow {
  id: string;
  name: string;
  domainId: string;
  domainName: string;
  /** Both the user and its domain are. */
  enabled: boolean;
  tokensValidFrom: number;
}

/** A project in which somebody holds a role, with its domain. */
export interface ProjectRow {
  id: string;
  name: string;
  description: string;
  domainId: string;
  domainName: string;
  enabled: boolean;
}

/** A row as the database gives it: both give 0 or 1 for a boolean. */
type Stored<T extends { enabled: boolean }> = Omit<T, 'enabled'> & { enabled: number };

const USER = `u.id, u.name, u.tokens_valid_from AS tokensValidFrom, d.id AS domainId, d.name AS domainName,
  CASE WHEN u.enabled = 1 AND d.enabled = 1 THEN 1 ELSE 0 END AS enabled`;
const PROJECT = `p.id, p.name, p.description, d.id AS domainId, d.name AS domainName,
  CASE WHEN p.enabled = 1 AND d.enabled = 1 THEN 1 ELSE 0 END AS enabled`;

/** The roles of a user: its own and those of its groups. Takes the user's id twice. */
const HELD = `(SELECT project_id, role, policy_id FROM role_assignments WHERE user_id = ?
  UNION SELECT a.project_id, a.role, a.policy_id FROM group_role_assignments a JOIN user_group_members m ON m.group_id = a.group_id
  WHERE m.user_id = ?)`;
/** A role's name: a policy of the domain stands in the assignment by its id. */
const ROLE = 'COALESCE(q.name, r.role)';
const OF_POLICY = 'LEFT JOIN policies q ON q.id = r.policy_id';

/** The roles that a user holds in a project, as `reads` sees them. */
export async function rolesHeld(reads: Reads, userId: string, projectId: string): Promise<string[]> {
  const rows = await reads.rows<{ role: string }>(
    `SELECT ${ROLE} AS role FROM ${HELD} r ${OF_POLICY} WHERE r.project_id = ? ORDER BY role`,
    [userId, userId, projectId],
  );
  return rows.map(({ role }) => role);
}

/** Reads of who there is and who holds which role where. What is disabled counts as absent wherever a role is asked for. */
@Injectable()
export class Directory {
  constructor(private readonly database: Database) {}

  async userById(id: string): Promise<UserRow | undefined> {
    return (await this.usersWhere('u.id = ?', [id]))[0];
  }

  /** @param domain whose user it is */
  async userByName(name: string, domain: Reference): Promise<UserRow | undefined> {
    if (domain.id !== undefined) return (await this.usersWhere('u.name = ? AND d.id = ?', [name, domain.id]))[0];
    return (await this.usersWhere('u.name = ? AND d.name = ?', [name, domain.name ?? '']))[0];
  }

  /** Users of a domain, by name. */
  async users(domainId: string, filter: Reference = {}): Promise<UserRow[]> {
    const { sql, values } = conditions({ 'u.id': filter.id, 'u.name': filter.name });
    return this.usersWhere(`d.id = ?${sql}`, [domainId, ...values]);
  }

  private async usersWhere(condition: string, values: readonly string[]): Promise<UserRow[]> {
    const sql = `SELECT ${USER} FROM users u JOIN domains d ON d.id = u.domain_id WHERE ${condition} ORDER BY u.name`;
    return (await this.database.rows<Stored<UserRow>>(sql, values)).map(enabledAsBoolean);
  }

  /** What the user's password is checked against. Read by nothing but a login and a change of it. */
  async passwordHash(userId: string): Promise<string | undefined> {
    const sql = 'SELECT password_hash AS passwordHash FROM users WHERE id = ?';
    return (await this.database.rows<{ passwordHash: string }>(sql, [userId]))[0]?.passwordHash;
  }

  /** Whether this token was revoked. */
  async isRevoked(tokenId: string): Promise<boolean> {
    return (await this.database.rows('SELECT 1 AS one FROM revoked_tokens WHERE id = ?', [tokenId])).length > 0;
  }

  /** The project and the user's roles in it; undefined when there is no such project, or no role, or it is disabled. */
  async membership(
    userId: string,
    wanted: Reference,
    domain: Reference = {},
  ): Promise<{ project: ProjectRow; roles: string[] } | undefined> {
    const { sql, values } = conditions({ 'p.id': wanted.id, 'p.name': wanted.name, 'd.id': domain.id, 'd.name': domain.name });
    const rows = await this.database.rows<Stored<ProjectRow> & { role: string }>(
      `SELECT ${PROJECT}, ${ROLE} AS role FROM ${HELD} r JOIN projects p ON p.id = r.project_id JOIN domains d ON d.id = p.domain_id
       ${OF_POLICY} WHERE p.enabled = 1 AND d.enabled = 1${sql} ORDER BY role`,
      [userId, userId, ...values],
    );
    const [first] = rows;
    if (!first) return undefined;
    const { id, name, description, domainId, domainName } = first;
    const project = { id, name, description, domainId, domainName, enabled: true };
    return { project, roles: rows.filter((row) => row.id === id).map(({ role }) => role) };
  }

  /** The roles a user holds anywhere in a domain: those of a token that is scoped to the domain. */
  async rolesInDomain(userId: string, domainId: string): Promise<string[]> {
    const rows = await this.database.rows<{ role: string }>(
      `SELECT DISTINCT ${ROLE} AS role FROM ${HELD} r JOIN projects p ON p.id = r.project_id ${OF_POLICY}
       WHERE p.domain_id = ? AND p.enabled = 1 ORDER BY role`,
      [userId, userId, domainId],
    );
    return rows.map(({ role }) => role);
  }

  /** Projects in which the user holds a role, by name. */
  async projectsOf(userId: string, filter: { name?: string; domainId?: string } = {}): Promise<ProjectRow[]> {
    const { sql, values } = conditions({ 'p.name': filter.name, 'd.id': filter.domainId });
    const rows = await this.database.rows<Stored<ProjectRow>>(
      `SELECT ${PROJECT} FROM projects p JOIN domains d ON d.id = p.domain_id
       WHERE p.id IN (SELECT project_id FROM ${HELD} r)${sql} ORDER BY p.name, p.id`,
      [userId, userId, ...values],
    );
    return rows.map(enabledAsBoolean);
  }
}

const enabledAsBoolean = <T extends { enabled: number }>(row: T) => ({ ...row, enabled: row.enabled === 1 });

/** ` AND column = ?` for each column that has a value. */
function conditions(wanted: Record<string, string | undefined>): { sql: string; values: string[] } {
  const given = Object.entries(wanted).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return { sql: given.map(([column]) => ` AND ${column} = ?`).join(''), values: given.map(([, value]) => value) };
}
