import { hash } from 'node:crypto';
import { customPolicies } from '../../platform/auth/custom-policies.js';
import type { NamedPolicy, PolicyDocument } from '../../platform/auth/policy.js';
import { SYSTEM_POLICIES } from '../../platform/auth/system-policies.js';
import type { Write } from '../../platform/changes/changes.service.js';
import type { Rows } from '../../platform/database/tx.js';
import { columnsOf, type RowOf } from '../../platform/database/columns.js';
import { proof } from '../../platform/vault/mac-tables.js';
import type { RowMacs } from '../../platform/vault/row-macs.js';
import { Project } from '../projects/project.entity.js';

const OF_DOMAIN = columnsOf(Project, 'p').pick('domainId');

/** A role that can be granted: a system policy, or a policy of the domain. */
export interface Role extends NamedPolicy {
  /** The id of the role in the API. */
  id: string;
  /** Absent for system policies. */
  policyId?: string;
}

/** Returns the value of the column `role` in an assignment. */
export const assignedAs = ({ name, policyId }: Role): string => policyId ?? name;

/** Derives an id from a name, for things without a row. Every process derives the same id. */
export const stableId = (kind: string, name: string): string => hash('sha256', `${kind}/${name}`, 'hex').slice(0, 32);

export const SYSTEM_ROLES: readonly Role[] = SYSTEM_POLICIES.map((policy) => ({ ...policy, id: stableId('role', policy.name) }));

/** Returns those of the given names that are names of roles in the domain. */
export async function rolesNamed(macs: RowMacs, reads: Rows, domainId: string, names: readonly string[]): Promise<Role[]> {
  const custom = await customPolicies(macs, reads, domainId, names);
  return [...SYSTEM_ROLES.filter(({ name }) => names.includes(name)), ...custom.map((policy) => ({ ...policy, policyId: policy.id }))];
}

/** Returns the role with this id, if it is a system policy or a policy of the domain. */
export async function roleById(macs: RowMacs, reads: Rows, domainId: string, id: string): Promise<Role | undefined> {
  const system = SYSTEM_ROLES.find((role) => role.id === id);
  if (system) return system;
  const sql = `SELECT q.id, q.name, q.document, ${proof('policies', 'q')} FROM policies q WHERE q.id = ? AND q.domain_id = ?`;
  const rows = await reads.rows<{ id: string; name: string; document: string }>(sql, [id, domainId]);
  const row = await macs.one(reads, rows, { q: 'policies' });
  return row && { id: row.id, name: row.name, policyId: row.id, document: JSON.parse(row.document) as PolicyDocument };
}

/**
 * Grants the user roles in the project of the write, as part of that write. Unknown names are ignored.
 * @returns the roles that the user did not have before. The write holds the project's lock, so nobody else assigns roles at the same time
 */
export async function assignRoles(macs: RowMacs, write: Write, userId: string, names: readonly string[]): Promise<string[]> {
  const ofProject = `SELECT ${OF_DOMAIN.select}, ${proof('projects', 'p')} FROM projects p WHERE p.id = ?`;
  const project = await macs.one(write, await write.rows<RowOf<typeof OF_DOMAIN>>(ofProject, [write.projectId]), { p: 'projects' });
  if (!project) return [];
  const sql = 'SELECT role FROM role_assignments WHERE user_id = ? AND project_id = ?';
  const held = new Set((await write.rows<{ role: string }>(sql, [userId, write.projectId])).map(({ role }) => role));
  const added = (await rolesNamed(macs, write, project.domainId, names)).filter((role) => !held.has(assignedAs(role)));
  for (const role of added) {
    const row = { user_id: userId, project_id: write.projectId, role: assignedAs(role), policy_id: role.policyId ?? null };
    await macs.insert(write, 'role_assignments', row);
  }
  return added.map(({ name }) => name);
}
