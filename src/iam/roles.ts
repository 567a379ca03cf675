import { hash } from 'node:crypto';
import { customPolicies } from '../auth/custom-policies.js';
import type { NamedPolicy, PolicyDocument } from '../auth/policy.js';
import { SYSTEM_POLICIES } from '../auth/system-policies.js';
import type { Write } from '../changes/changes.service.js';
import type { Reads } from '../database/tx.js';

/** A role that can be given: a policy of the system or of the domain. */
export interface Role extends NamedPolicy {
  /** On the wire. */
  id: string;
  /** Absent for policies of the system. */
  policyId?: string;
}

/** What stands for the role in an assignment. */
export const assignedAs = ({ name, policyId }: Role): string => policyId ?? name;

/** An id that is the same in every process and at every start, for what has a name and no row. */
export const stableId = (kind: string, name: string): string => hash('sha256', `${kind}/${name}`, 'hex').slice(0, 32);

export const SYSTEM_ROLES: readonly Role[] = SYSTEM_POLICIES.map((policy) => ({ ...policy, id: stableId('role', policy.name) }));

/** Those of the names that are roles in the domain. */
export async function rolesNamed(reads: Reads, domainId: string, names: readonly string[]): Promise<Role[]> {
  const custom = await customPolicies(reads, domainId, names);
  return [...SYSTEM_ROLES.filter(({ name }) => names.includes(name)), ...custom.map((policy) => ({ ...policy, policyId: policy.id }))];
}

/** The role of this id, if it is one of the system or of the domain. */
export async function roleById(reads: Reads, domainId: string, id: string): Promise<Role | undefined> {
  const system = SYSTEM_ROLES.find((role) => role.id === id);
  if (system) return system;
  const sql = 'SELECT id, name, document FROM policies WHERE id = ? AND domain_id = ?';
  const [row] = await reads.rows<{ id: string; name: string; document: string }>(sql, [id, domainId]);
  return row && { id: row.id, name: row.name, policyId: row.id, document: JSON.parse(row.document) as PolicyDocument };
}

/**
 * Gives the user each of these roles in the write's project, as part of that write. Names that are no roles are left out.
 * @returns the roles that the user did not hold before. Nobody else can assign meanwhile: the write holds the project's lock
 */
export async function assignRoles(write: Write, userId: string, names: readonly string[]): Promise<string[]> {
  const [project] = await write.rows<{ domainId: string }>('SELECT domain_id AS domainId FROM projects WHERE id = ?', [write.projectId]);
  if (!project) return [];
  const sql = 'SELECT role FROM role_assignments WHERE user_id = ? AND project_id = ?';
  const held = new Set((await write.rows<{ role: string }>(sql, [userId, write.projectId])).map(({ role }) => role));
  const added = (await rolesNamed(write, project.domainId, names)).filter((role) => !held.has(assignedAs(role)));
  for (const role of added) {
    const row = [userId, write.projectId, assignedAs(role), role.policyId ?? null];
    await write.run('INSERT INTO role_assignments (user_id, project_id, role, policy_id) VALUES (?, ?, ?, ?)', row);
  }
  return added.map(({ name }) => name);
}
