import { Injectable } from '@nestjs/common';
import type { AuditAction } from '../../platform/audit/actions.js';
import { AuditService } from '../../platform/audit/audit.service.js';
import { ChangesService, type Write, type WriteScope } from '../../platform/changes/changes.service.js';
import { ApiFault } from '../../platform/common/api-error.js';
import type { Caller } from '../../platform/common/principal.js';
import { Database } from '../../platform/database/database.js';
import { violatesForeignKey } from '../../platform/database/errors.js';
import type { Rows } from '../../platform/database/tx.js';
import { inProject } from '../projects/projects.service.js';
import { proof } from '../../platform/vault/mac-tables.js';
import { RowMacs } from '../../platform/vault/row-macs.js';
import { AuthorizationCacheInvalidator } from './authorization-cache-invalidator.js';
import { PrivilegeGuard } from './privilege-guard.js';
import { assignedAs, type Role, roleById, SYSTEM_ROLES } from './roles.js';

/** Who has a role: a user directly, or all users of a group. */
export type HolderKind = 'user' | 'group';

const KINDS = {
  user: { holders: 'users', assignments: 'role_assignments', column: 'user_id' },
  group: { holders: 'user_groups', assignments: 'group_role_assignments', column: 'group_id' },
} as const;

/** Names an assignment. Everything that it names belongs to one domain. */
export interface AssignmentPath {
  domainId: string;
  projectId: string;
  kind: HolderKind;
  holderId: string;
}

/** Huawei's names of the actions, such as `iam:permissions:grantRoleToGroupOnProject`. */
export const ASSIGNMENT_ACTIONS = {
  list: { user: 'iam:permissions:listRolesForUserOnProject', group: 'iam:permissions:listRolesForGroupOnProject' },
  check: { user: 'iam:permissions:checkRoleForUserOnProject', group: 'iam:permissions:checkRoleForGroupOnProject' },
  grant: { user: 'iam:permissions:grantRoleToUserOnProject', group: 'iam:permissions:grantRoleToGroupOnProject' },
  revoke: { user: 'iam:permissions:revokeRoleFromUserOnProject', group: 'iam:permissions:revokeRoleFromGroupOnProject' },
} as const;

/** The roles of users and groups in projects. */
@Injectable()
export class AssignmentsService {
  constructor(
    private readonly database: Database,
    private readonly changes: ChangesService,
    private readonly audit: AuditService,
    private readonly privileges: PrivilegeGuard,
    private readonly authorizationCache: AuthorizationCacheInvalidator,
    private readonly macs: RowMacs,
  ) {}

  /** Returns the roles that the holder has directly. @throws ApiFault `not_found`, also for a project in which the caller has no role */
  async list(path: AssignmentPath, caller: Caller): Promise<Role[]> {
    await findHolder(this.macs, this.database, path);
    await this.privileges.heldBy(this.database, caller, { projectId: path.projectId, action: ASSIGNMENT_ACTIONS.list[path.kind] });
    const { assignments, column } = KINDS[path.kind];
    const found = await this.database.rows<{ role: string; name: string | null; document: string | null }>(
      `SELECT r.role, q.name, q.document, ${proof(assignments, 'r')}, ${proof('policies', 'q')} FROM ${assignments} r LEFT JOIN policies q ON q.id = r.policy_id
       WHERE r.${column} = ? AND r.project_id = ? ORDER BY COALESCE(q.name, r.role)`,
      [path.holderId, path.projectId],
    );
    const rows = await this.macs.verified(this.database, found, { r: assignments, q: 'policies' });
    return rows.flatMap(({ role, name, document }): Role[] => {
      if (name === null || document === null) return SYSTEM_ROLES.filter((each) => each.name === role);
      return [{ id: role, policyId: role, name, document: JSON.parse(document) as Role['document'] }];
    });
  }

  /** @throws ApiFault `not_found` if the holder does not have the role directly */
  async assertHeld(path: AssignmentPath, roleId: string, caller: Caller): Promise<void> {
    await findHolder(this.macs, this.database, path);
    await this.privileges.heldBy(this.database, caller, { projectId: path.projectId, action: ASSIGNMENT_ACTIONS.check[path.kind] });
    const role = await roleById(this.macs, this.database, path.domainId, roleId);
    if (!role || !(await isHeld(this.macs, this.database, path, role))) throw new ApiFault('not_found');
  }

  /**
   * Grants a role. Idempotent.
   * @param role the id of the role, or the role itself
   * @returns whether the assignment is new
   * @throws ApiFault `not_found`, `forbidden`; PrivilegeEscalation
   */
  async grant(path: AssignmentPath, role: string | Role, caller: Caller): Promise<boolean> {
    const { kind, holderId, projectId } = path;
    const { assignments, column } = KINDS[kind];
    const granted = await this.changes.write(await this.scopeOf(path), async (write) => {
      const found = await this.begin(write, path, role);
      await this.privileges.assertHolds(write, caller, { projectId, action: ASSIGNMENT_ACTIONS.grant[kind], gained: [found.role] });
      if (await isHeld(this.macs, write, path, found.role)) return false;
      const row = { [column]: holderId, project_id: projectId, role: assignedAs(found.role), policy_id: found.role.policyId ?? null };
      // Replaces a row with an invalid MAC.
      await write.run(`DELETE FROM ${assignments} WHERE ${column} = ? AND project_id = ? AND role = ?`, [holderId, projectId, row.role]);
      await this.macs.insert(write, assignments, row).catch(gone);
      await this.record(write, caller, 'GrantRole', path, found);
      write.change('role', holderId, 'created');
      return true;
    });
    this.authorizationCache.invalidate();
    return granted;
  }

  /** Revokes a role. @returns whether the holder had it @throws the errors of {@link grant} */
  async revoke(path: AssignmentPath, role: string | Role, caller: Caller): Promise<boolean> {
    const { kind, holderId, projectId } = path;
    const { assignments, column } = KINDS[kind];
    const revoked = await this.changes.write(await this.scopeOf(path), async (write) => {
      const found = await this.begin(write, path, role);
      await this.privileges.assertHolds(write, caller, { projectId, action: ASSIGNMENT_ACTIONS.revoke[kind], lost: [found.role] });
      const sql = `DELETE FROM ${assignments} WHERE ${column} = ? AND project_id = ? AND role = ?`;
      const { affected } = await write.run(sql, [holderId, projectId, assignedAs(found.role)]);
      if (affected === 0) return false;
      await this.record(write, caller, 'RevokeRole', path, found);
      write.change('role', holderId, 'deleted');
      return true;
    });
    this.authorizationCache.invalidate();
    return revoked;
  }

  /** As {@link revoke}. @throws ApiFault `not_found`, also when the holder did not have the role */
  async take(path: AssignmentPath, roleId: string, caller: Caller): Promise<void> {
    if (!(await this.revoke(path, roleId, caller))) throw new ApiFault('not_found');
  }

  /** Refuses a project of another domain before it takes the project's lock, because the wait for the lock could reveal the project. */
  private async scopeOf(path: AssignmentPath): Promise<WriteScope> {
    await findHolder(this.macs, this.database, path);
    return { ...inProject(path), notFound: () => new ApiFault('not_found') };
  }

  private async begin(write: Write, path: AssignmentPath, given: string | Role): Promise<{ role: Role; holder: string }> {
    await this.authorizationCache.lockDomain(write, path.domainId);
    const { name: holder } = await findHolder(this.macs, write, path);
    const role = await roleById(this.macs, write, path.domainId, typeof given === 'string' ? given : given.id);
    if (!role) throw new ApiFault('not_found');
    return { role, holder };
  }

  private record(
    write: Write,
    caller: Caller,
    action: AuditAction,
    { kind, holderId }: AssignmentPath,
    { role, holder }: { role: Role; holder: string },
  ): Promise<void> {
    const entry = { action, resourceType: 'Role', resourceId: holderId, resourceName: role.name, detail: { [kind]: holder } };
    return this.audit.record(write, caller, entry);
  }
}

/** Returns the name of the holder, if the holder and the project belong to the domain. @throws ApiFault `not_found` */
async function findHolder(macs: RowMacs, reads: Rows, { domainId, projectId, kind, holderId }: AssignmentPath): Promise<{ name: string }> {
  const { holders } = KINDS[kind];
  const sql = `SELECT h.name, ${proof(holders, 'h')}, ${proof('projects', 'p')} FROM ${holders} h JOIN projects p ON p.domain_id = h.domain_id
    WHERE h.id = ? AND p.id = ? AND h.domain_id = ?`;
  const rows = await reads.rows<{ name: string }>(sql, [holderId, projectId, domainId]);
  const holder = await macs.one(reads, rows, { h: holders, p: 'projects' });
  if (!holder) throw new ApiFault('not_found');
  return holder;
}

async function isHeld(macs: RowMacs, reads: Rows, { projectId, kind, holderId }: AssignmentPath, role: Role): Promise<boolean> {
  const { assignments, column } = KINDS[kind];
  const sql = `SELECT ${proof(assignments, 'r')} FROM ${assignments} r WHERE r.${column} = ? AND r.project_id = ? AND r.role = ?`;
  const rows = await reads.rows<object>(sql, [holderId, projectId, assignedAs(role)]);
  return (await macs.verified(reads, rows, { r: assignments })).length > 0;
}

/** The role or the holder was deleted while the role was being granted. */
function gone(error: unknown): never {
  throw violatesForeignKey(error) ? new ApiFault('not_found') : error;
}
