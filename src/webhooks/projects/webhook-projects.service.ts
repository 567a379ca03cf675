import { Injectable } from '@nestjs/common';
import type { AuditAction } from '../../platform/audit/actions.js';
import { AuditService } from '../../platform/audit/audit.service.js';
import { Permissions } from '../../platform/auth/permissions.js';
import { ChangesService, type Write } from '../../platform/changes/changes.service.js';
import { ApiFault } from '../../platform/common/api-error.js';
import { newId } from '../../platform/common/ids.js';
import type { Caller, Principal } from '../../platform/common/principal.js';
import { Database } from '../../platform/database/database.js';
import { placeholders, type Rows } from '../../platform/database/tx.js';
import { columnsOf, type RowOf } from '../../platform/database/columns.js';
import { proof } from '../../platform/vault/mac-tables.js';
import { RowMacs } from '../../platform/vault/row-macs.js';
import { inProject, PROJECT_NAME, ProjectsService } from '../../identity/projects/projects.service.js';
import { Project } from '../../identity/projects/project.entity.js';
import { WebhookProjectInUse, WebhookProjectNotFound } from './webhook-projects.errors.js';
import {
  toView,
  type WebhookProjectInput,
  type WebhookProjectPatch,
  type WebhookProjectRow,
  type WebhookProjectView,
} from './webhook-projects.dto.js';
import { WebhookProject } from './webhook-project.entity.js';
import { RoleAssignment } from '../../identity/iam/user.entity.js';
import { GroupRoleAssignment } from '../../identity/iam/user-group.entity.js';
import { Policy } from '../../identity/iam/policy.entity.js';

/** Callers with this permission see all projects of their domain. Others see only the project of their credential. */
const SEES_DOMAIN = 'iam:projects:createProject';

const OWN_ROLE = columnsOf(RoleAssignment, 'a').pick('role', 'policyId');
const GROUP_ROLE = columnsOf(GroupRoleAssignment, 'a').pick('role', 'policyId');
const POLICY = columnsOf(Policy, 'q').pick('id', 'name');
const PROJECT = columnsOf(Project, 'p').pick('id', 'domainId', 'name', 'createdAt');
const SHOWN = columnsOf(WebhookProject, 'w').pick({ shownName: 'name' }, 'rateLimitDefault');
const SAVED = columnsOf(WebhookProject).all();
const SELECT = `SELECT ${PROJECT.select}, ${SHOWN.select}, ${proof('projects', 'p')}
  FROM projects p LEFT JOIN webhook_projects w ON w.project_id = p.id WHERE p.enabled = 1`;
const OF_PROJECT = { p: 'projects' } as const;

/** Projects in the format of the webhook contract (docs/contracts/endpoints.md §1.10). */
@Injectable()
export class WebhookProjectsService {
  constructor(
    private readonly database: Database,
    private readonly changes: ChangesService,
    private readonly audit: AuditService,
    private readonly projects: ProjectsService,
    private readonly permissions: Permissions,
    private readonly macs: RowMacs,
  ) {}

  /** Returns the projects that the caller can see, newest first. */
  async list({ principal }: Caller): Promise<WebhookProjectView[]> {
    const { sql, values } = await this.visibleTo(principal);
    const rows = await this.database.rows<WebhookProjectRow>(`${SELECT} AND ${sql} ORDER BY p.id DESC`, values);
    return (await this.macs.verified(this.database, rows, OF_PROJECT)).map(toView);
  }

  /** @throws WebhookProjectNotFound */
  async show(projectId: string, { principal }: Caller): Promise<WebhookProjectView> {
    return toView(await this.find(projectId, principal));
  }

  /**
   * Creates a project in the caller's domain, and copies the caller's roles in the project of its token to the new project. A name that is
   * not valid in URLs is used as the display name only.
   * @throws ApiFault `forbidden` for an API key, `conflict` when the domain has a project with this name
   */
  async create(input: WebhookProjectInput, caller: Caller): Promise<WebhookProjectView> {
    const { domainId, userId, projectId } = personOf(caller);
    const name = PROJECT_NAME.test(input.name) ? input.name : `webhooks-${newId()}`;
    const { id } = await this.projects.create(domainId, { name, description: '' }, caller, async (write) => {
      // Copies roles of groups too, so that a Deny that the caller has through a group also applies in the new project.
      for (const [role, policyId] of await this.rolesIn(write, userId, projectId ?? '')) {
        const row = { user_id: userId, project_id: write.projectId, role, policy_id: policyId };
        await this.macs.insert(write, 'role_assignments', row);
      }
      await this.save(write, { name: input.name, rateLimitDefault: input.rate_limit_default ?? 0 });
    });
    return this.show(id, caller);
  }

  /** Changes the display name and the rate limit. @throws WebhookProjectNotFound; ApiFault `forbidden` for an API key */
  async update(projectId: string, patch: WebhookProjectPatch, caller: Caller): Promise<WebhookProjectView> {
    personOf(caller);
    const { id } = await this.find(projectId, caller.principal);
    await this.assertMayChange(caller, id, 'iam:projects:updateProject');
    return this.changes.write(inProject({ projectId: id }), async (write) => {
      const before = await this.macs.one(write, await write.rows<WebhookProjectRow>(`${SELECT} AND p.id = ?`, [id]), OF_PROJECT);
      if (!before) throw new WebhookProjectNotFound();
      const after = {
        ...before,
        shownName: patch.name ?? before.shownName ?? before.name,
        rateLimitDefault: patch.rate_limit_default ?? before.rateLimitDefault ?? 0,
      };
      if (after.shownName === (before.shownName ?? before.name) && after.rateLimitDefault === (before.rateLimitDefault ?? 0))
        return toView(after);
      await this.save(write, { name: after.shownName, rateLimitDefault: after.rateLimitDefault });
      await this.record(write, caller, 'UpdateProject', before.name);
      write.change('project', id, 'updated');
      return toView(after);
    });
  }

  /**
   * Deletes a project and its API keys. The row stays for the audit trail, but is disabled.
   * @throws WebhookProjectNotFound, WebhookProjectInUse while the project has endpoints or gateways; ApiFault `forbidden` for an API key
   */
  async delete(projectId: string, caller: Caller): Promise<void> {
    personOf(caller);
    const { id } = await this.find(projectId, caller.principal);
    await this.assertMayChange(caller, id, 'iam:projects:deleteProject');
    await this.changes.write(inProject({ projectId: id }), async (write) => {
      const before = await this.macs.one(write, await write.rows<WebhookProjectRow>(`${SELECT} AND p.id = ?`, [id]), OF_PROJECT);
      if (!before) throw new WebhookProjectNotFound();
      const used = await write.rows(
        `SELECT 1 AS one FROM webhook_endpoints WHERE project_id = ? AND deleted_at IS NULL
         UNION ALL SELECT 1 FROM instances WHERE project_id = ?`,
        [id, id],
      );
      if (used.length > 0) throw new WebhookProjectInUse();
      await write.run('DELETE FROM api_keys WHERE project_id = ?', [id]);
      // Renames the row, so that the name of the project can be used again.
      if (!(await this.macs.update(write, 'projects', { id }, { enabled: 0, name: id }))) throw new WebhookProjectNotFound();
      await this.record(write, caller, 'DeleteProject', before.name);
      write.change('project', id, 'deleted');
    });
  }

  /** @throws WebhookProjectNotFound, also for a project that the caller may not see */
  private async find(projectId: string, principal: Principal): Promise<WebhookProjectRow> {
    const { sql, values } = await this.visibleTo(principal);
    const rows = await this.database.rows<WebhookProjectRow>(`${SELECT} AND ${sql} AND p.id = ?`, [...values, projectId]);
    const row = await this.macs.one(this.database, rows, OF_PROJECT);
    if (!row) throw new WebhookProjectNotFound();
    return row;
  }

  private async visibleTo(principal: Principal): Promise<{ sql: string; values: string[] }> {
    const all = principal.apiKeyMode === undefined && (await this.permissions.of(principal)).allows(SEES_DOMAIN);
    return all ? { sql: 'p.domain_id = ?', values: [principal.domainId] } : { sql: 'p.id = ?', values: [principal.projectId ?? ''] };
  }

  /**
   * Checks that the caller may change the project. An administrator of one project sees all projects of the domain, but may change only
   * those in which it has the action.
   * @throws ApiFault `forbidden`
   */
  private async assertMayChange({ principal }: Caller, projectId: string, action: string): Promise<void> {
    if (projectId === principal.projectId) return;
    const held = await this.rolesIn(this.database, principal.userId, projectId);
    const policyIds = [...held.values()].filter((policyId) => policyId !== null);
    const policies = await this.database.rows<RowOf<typeof POLICY>>(
      `SELECT ${POLICY.select}, ${proof('policies', 'q')} FROM policies q WHERE q.id IN (${placeholders(['', ...policyIds])})`,
      ['', ...policyIds],
    );
    const names = new Map((await this.macs.verified(this.database, policies, { q: 'policies' })).map(({ id, name }) => [id, name]));
    const roles = [...held].map(([role, policyId]) => (policyId === null ? role : (names.get(policyId) ?? '')));
    if (!(await this.permissions.of({ domainId: principal.domainId, roles })).allows(action)) throw new ApiFault('forbidden');
  }

  /** Returns the roles of a user in a project, direct and through groups: the id of the policy, by the name of the role. */
  private async rolesIn(reads: Rows, userId: string, projectId: string): Promise<Map<string, string | null>> {
    type Held = RowOf<typeof OWN_ROLE>;
    const own = await reads.rows<Held>(
      `SELECT ${OWN_ROLE.select}, ${proof('role_assignments', 'a')} FROM role_assignments a
       WHERE a.user_id = ? AND a.project_id = ?`,
      [userId, projectId],
    );
    const ofGroups = await reads.rows<Held>(
      `SELECT ${GROUP_ROLE.select}, ${proof('group_role_assignments', 'a')}, ${proof('user_group_members', 'm')}
       FROM group_role_assignments a JOIN user_group_members m ON m.group_id = a.group_id WHERE m.user_id = ? AND a.project_id = ?`,
      [userId, projectId],
    );
    const held = [
      ...(await this.macs.verified(reads, own, { a: 'role_assignments' })),
      ...(await this.macs.verified(reads, ofGroups, { a: 'group_role_assignments', m: 'user_group_members' })),
    ];
    return new Map(held.map(({ role, policyId }) => [role, policyId]));
  }

  private async save(write: Write, { name, rateLimitDefault }: { name: string; rateLimitDefault: number }): Promise<void> {
    await write.run('DELETE FROM webhook_projects WHERE project_id = ?', [write.projectId]);
    await write.run(SAVED.insert(), SAVED.values({ projectId: write.projectId, name, rateLimitDefault }));
  }

  private record(write: Write, caller: Caller, action: AuditAction, name: string): Promise<void> {
    return this.audit.record(write, caller, { action, resourceType: 'Project', resourceId: write.projectId, resourceName: name });
  }
}

/**
 * Returns the principal if it is a person. Only people may create, change and delete projects, so that a leaked API key cannot act outside
 * its project. @throws ApiFault `forbidden`
 */
function personOf({ principal }: Caller): Principal {
  if (principal.apiKeyMode !== undefined) throw new ApiFault('forbidden');
  return principal;
}
