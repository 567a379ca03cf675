import { Injectable } from '@nestjs/common';
import { AuditService } from '../audit/audit.service.js';
import { ChangesService, type Write, type WriteScope } from '../changes/changes.service.js';
import { Fault } from '../common/api-error.js';
import type { Caller } from '../common/principal.js';
import { Database } from '../database/database.js';
import { missesParent } from '../database/errors.js';
import type { Reads } from '../database/tx.js';
import { inProject } from '../projects/projects.service.js';
import { AccessChanges } from './access-changes.js';
import { Delegation } from './delegation.js';
import { assignedAs, type Role, roleById, SYSTEM_ROLES } from './roles.js';

/** Who holds a role: a user by itself, or everyone in a group. */
export type HolderKind = 'user' | 'group';

const KINDS = {
  user: { holders: 'users', assignments: 'role_assignments', column: 'user_id' },
  group: { holders: 'user_groups', assignments: 'group_role_assignments', column: 'group_id' },
} as const;

/** What an assignment is about; all of it in one domain. */
export interface AssignmentPath {
  domainId: string;
  projectId: string;
  kind: HolderKind;
  holderId: string;
}

/** `iam:permissions:grantRoleToGroupOnProject` and its kin: Huawei's names. */
export const ASSIGNMENT_ACTIONS = {
  list: { user: 'iam:permissions:listRolesForUserOnProject', group: 'iam:permissions:listRolesForGroupOnProject' },
  check: { user: 'iam:permissions:checkRoleForUserOnProject', group: 'iam:permissions:checkRoleForGroupOnProject' },
  grant: { user: 'iam:permissions:grantRoleToUserOnProject', group: 'iam:permissions:grantRoleToGroupOnProject' },
  revoke: { user: 'iam:permissions:revokeRoleFromUserOnProject', group: 'iam:permissions:revokeRoleFromGroupOnProject' },
} as const;

/** Which roles users and groups hold in projects. */
@Injectable()
export class AssignmentsService {
  constructor(
    private readonly database: Database,
    private readonly changes: ChangesService,
    private readonly audit: AuditService,
    private readonly delegation: Delegation,
    private readonly access: AccessChanges,
  ) {}

  /** Roles that the holder has by itself. @throws Fault `not_found`, also where the caller has no role */
  async list(path: AssignmentPath, caller: Caller): Promise<Role[]> {
    await findHolder(this.database, path);
    await this.delegation.assert(this.database, caller, { projectId: path.projectId, action: ASSIGNMENT_ACTIONS.list[path.kind] });
    const { assignments, column } = KINDS[path.kind];
    const rows = await this.database.rows<{ role: string; name: string | null; document: string | null }>(
      `SELECT r.role, q.name, q.document FROM ${assignments} r LEFT JOIN policies q ON q.id = r.policy_id
       WHERE r.${column} = ? AND r.project_id = ? ORDER BY COALESCE(q.name, r.role)`,
      [path.holderId, path.projectId],
    );
    return rows.flatMap(({ role, name, document }): Role[] => {
      if (name === null || document === null) return SYSTEM_ROLES.filter((each) => each.name === role);
      return [{ id: role, policyId: role, name, document: JSON.parse(document) as Role['document'] }];
    });
  }

  /** @throws Fault `not_found` unless the holder has the role by itself */
  async assertHeld(path: AssignmentPath, roleId: string, caller: Caller): Promise<void> {
    await findHolder(this.database, path);
    await this.delegation.assert(this.database, caller, { projectId: path.projectId, action: ASSIGNMENT_ACTIONS.check[path.kind] });
    const role = await roleById(this.database, path.domainId, roleId);
    if (!role || !(await isHeld(this.database, path, role))) throw new Fault('not_found');
  }

  /**
   * Gives a role; nothing happens to whoever has it.
   * @param role its id, or itself
   * @returns whether it is new
   * @throws Fault `not_found`, `forbidden`; NotHeld
   */
  async grant(path: AssignmentPath, role: string | Role, caller: Caller): Promise<boolean> {
    const { kind, holderId, projectId } = path;
    const { assignments, column } = KINDS[kind];
    const granted = await this.changes.write(await this.scopeOf(path), async (write) => {
      const found = await this.begin(write, path, role);
      await this.delegation.assert(write, caller, { projectId, action: ASSIGNMENT_ACTIONS.grant[kind], gained: [found.role] });
      if (await isHeld(write, path, found.role)) return false;
      const row = [holderId, projectId, assignedAs(found.role), found.role.policyId ?? null];
      await write.run(`INSERT INTO ${assignments} (${column}, project_id, role, policy_id) VALUES (?, ?, ?, ?)`, row).catch(gone);
      await this.record(write, caller, 'GrantRole', path, found);
      write.change('role', holderId, 'created');
      return true;
    });
    this.access.committed();
    return granted;
  }

  /** Takes a role away. @returns whether it was held @throws as grant */
  async revoke(path: AssignmentPath, role: string | Role, caller: Caller): Promise<boolean> {
    const { kind, holderId, projectId } = path;
    const { assignments, column } = KINDS[kind];
    const revoked = await this.changes.write(await this.scopeOf(path), async (write) => {
      const found = await this.begin(write, path, role);
      await this.delegation.assert(write, caller, { projectId, action: ASSIGNMENT_ACTIONS.revoke[kind], lost: [found.role] });
      const sql = `DELETE FROM ${assignments} WHERE ${column} = ? AND project_id = ? AND role = ?`;
      const { affected } = await write.run(sql, [holderId, projectId, assignedAs(found.role)]);
      if (affected === 0) return false;
      await this.record(write, caller, 'RevokeRole', path, found);
      write.change('role', holderId, 'deleted');
      return true;
    });
    this.access.committed();
    return revoked;
  }

  /** As {@link revoke}. @throws Fault `not_found` also when the role was not held */
  async take(path: AssignmentPath, roleId: string, caller: Caller): Promise<void> {
    if (!(await this.revoke(path, roleId, caller))) throw new Fault('not_found');
  }

  /** A project of another domain is not even waited for. */
  private async scopeOf(path: AssignmentPath): Promise<WriteScope> {
    await findHolder(this.database, path);
    return { ...inProject(path), missing: () => new Fault('not_found') };
  }

  private async begin(write: Write, path: AssignmentPath, given: string | Role): Promise<{ role: Role; holder: string }> {
    await this.access.holdDomain(write, path.domainId);
    const { name: holder } = await findHolder(write, path);
    const role = await roleById(write, path.domainId, typeof given === 'string' ? given : given.id);
    if (!role) throw new Fault('not_found');
    return { role, holder };
  }

  private record(
    write: Write,
    caller: Caller,
    action: string,
    { kind, holderId }: AssignmentPath,
    { role, holder }: { role: Role; holder: string },
  ): Promise<void> {
    const entry = { action, resourceType: 'Role', resourceId: holderId, resourceName: role.name, detail: { [kind]: holder } };
    return this.audit.record(write, caller, entry);
  }
}

/** The holder's name, if it and the project are of the domain. @throws Fault `not_found` */
async function findHolder(reads: Reads, { domainId, projectId, kind, holderId }: AssignmentPath): Promise<{ name: string }> {
  const sql = `SELECT h.name FROM ${KINDS[kind].holders} h JOIN projects p ON p.domain_id = h.domain_id
    WHERE h.id = ? AND p.id = ? AND h.domain_id = ?`;
  const [holder] = await reads.rows<{ name: string }>(sql, [holderId, projectId, domainId]);
  if (!holder) throw new Fault('not_found');
  return holder;
}

async function isHeld(reads: Reads, { projectId, kind, holderId }: AssignmentPath, role: Role): Promise<boolean> {
  const { assignments, column } = KINDS[kind];
  const sql = `SELECT 1 AS one FROM ${assignments} WHERE ${column} = ? AND project_id = ? AND role = ?`;
  return (await reads.rows(sql, [holderId, projectId, assignedAs(role)])).length > 0;
}

/** Deleted in the moment in which it was given. */
function gone(error: unknown): never {
  throw missesParent(error) ? new Fault('not_found') : error;
}
