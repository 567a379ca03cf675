import { Injectable } from '@nestjs/common';
import { AuditService } from '../audit/audit.service.js';
import { Permissions } from '../auth/permissions.js';
import { ChangesService, type Write } from '../changes/changes.service.js';
import { Fault } from '../common/api-error.js';
import { newId } from '../common/ids.js';
import type { Caller, Principal } from '../common/principal.js';
import { Database } from '../database/database.js';
import { inProject, PROJECT_NAME, ProjectsService } from '../projects/projects.service.js';
import { WebhookProjectInUse, WebhookProjectNotFound } from './endpoints.errors.js';
import {
  toView,
  type WebhookProjectInput,
  type WebhookProjectPatch,
  type WebhookProjectRow,
  type WebhookProjectView,
} from './webhook-projects.dto.js';

/** Whoever holds this sees every project of its domain; others see the one of their credential. */
const SEES_DOMAIN = 'iam:projects:createProject';

const SELECT = `SELECT p.id, p.domain_id AS domainId, p.name, p.created_at AS createdAt, w.name AS shownName,
    w.rate_limit_default AS rateLimitDefault
  FROM projects p LEFT JOIN webhook_projects w ON w.project_id = p.id WHERE p.enabled = 1`;

/** Projects in the words of the webhook contract: endpoints §1.10. */
@Injectable()
export class WebhookProjectsService {
  constructor(
    private readonly database: Database,
    private readonly changes: ChangesService,
    private readonly audit: AuditService,
    private readonly projects: ProjectsService,
    private readonly permissions: Permissions,
  ) {}

  /** The projects that the caller can see, newest first. */
  async list({ principal }: Caller): Promise<WebhookProjectView[]> {
    const { sql, values } = await this.seen(principal);
    return (await this.database.rows<WebhookProjectRow>(`${SELECT} AND ${sql} ORDER BY p.id DESC`, values)).map(toView);
  }

  /** @throws WebhookProjectNotFound */
  async show(projectId: string, { principal }: Caller): Promise<WebhookProjectView> {
    return toView(await this.find(projectId, principal));
  }

  /**
   * Creates a project in the caller's domain; the caller holds there the roles it was given in the project of its token. A name that cannot
   * stand in URLs is shown here only.
   * @throws Fault `forbidden` for an API key, `conflict` when the domain has a project of this name
   */
  async create(input: WebhookProjectInput, caller: Caller): Promise<WebhookProjectView> {
    const { domainId, userId, projectId } = personOf(caller);
    const name = PROJECT_NAME.test(input.name) ? input.name : `webhooks-${newId()}`;
    const { id } = await this.projects.create(domainId, { name, description: '' }, caller, async (write) => {
      await write.run(
        // Those of its groups too: a Deny that comes with one is not shed in a project of one's own.
        `INSERT INTO role_assignments (user_id, project_id, role, policy_id)
         SELECT ?, ?, role, policy_id FROM (
           SELECT role, policy_id FROM role_assignments WHERE user_id = ? AND project_id = ?
           UNION SELECT a.role, a.policy_id FROM group_role_assignments a JOIN user_group_members m ON m.group_id = a.group_id
           WHERE m.user_id = ? AND a.project_id = ?) held`,
        [userId, write.projectId, userId, projectId ?? '', userId, projectId ?? ''],
      );
      await this.save(write, { name: input.name, rateLimitDefault: input.rate_limit_default ?? 0 });
    });
    return this.show(id, caller);
  }

  /** Changes the name that is shown here, and the limit. @throws WebhookProjectNotFound; Fault `forbidden` for an API key */
  async update(projectId: string, patch: WebhookProjectPatch, caller: Caller): Promise<WebhookProjectView> {
    personOf(caller);
    const { id } = await this.find(projectId, caller.principal);
    return this.changes.write(inProject({ projectId: id }), async (write) => {
      const [before] = await write.rows<WebhookProjectRow>(`${SELECT} AND p.id = ?`, [id]);
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
   * Ends a project: its API keys go, nobody finds it any more, its trail stays.
   * @throws WebhookProjectNotFound, WebhookProjectInUse while it has endpoints or gateways; Fault `forbidden` for an API key
   */
  async delete(projectId: string, caller: Caller): Promise<void> {
    personOf(caller);
    const { id } = await this.find(projectId, caller.principal);
    await this.changes.write(inProject({ projectId: id }), async (write) => {
      const [before] = await write.rows<WebhookProjectRow>(`${SELECT} AND p.id = ?`, [id]);
      if (!before) throw new WebhookProjectNotFound();
      const used = await write.rows(
        `SELECT 1 AS one FROM webhook_endpoints WHERE project_id = ? AND deleted_at IS NULL
         UNION ALL SELECT 1 FROM instances WHERE project_id = ?`,
        [id, id],
      );
      if (used.length > 0) throw new WebhookProjectInUse();
      await write.run('DELETE FROM api_keys WHERE project_id = ?', [id]);
      // The name is free; the row stays for the trail.
      await write.run('UPDATE projects SET enabled = 0, name = ? WHERE id = ?', [id, id]);
      await this.record(write, caller, 'DeleteProject', before.name);
      write.change('project', id, 'deleted');
    });
  }

  /** @throws WebhookProjectNotFound for what is not there, or not for this caller: the same words for both */
  private async find(projectId: string, principal: Principal): Promise<WebhookProjectRow> {
    const { sql, values } = await this.seen(principal);
    const [row] = await this.database.rows<WebhookProjectRow>(`${SELECT} AND ${sql} AND p.id = ?`, [...values, projectId]);
    if (!row) throw new WebhookProjectNotFound();
    return row;
  }

  private async seen(principal: Principal): Promise<{ sql: string; values: string[] }> {
    const all = principal.apiKeyMode === undefined && (await this.permissions.of(principal)).allows(SEES_DOMAIN);
    return all ? { sql: 'p.domain_id = ?', values: [principal.domainId] } : { sql: 'p.id = ?', values: [principal.projectId ?? ''] };
  }

  private async save(write: Write, { name, rateLimitDefault }: { name: string; rateLimitDefault: number }): Promise<void> {
    await write.run('DELETE FROM webhook_projects WHERE project_id = ?', [write.projectId]);
    const sql = 'INSERT INTO webhook_projects (project_id, name, rate_limit_default) VALUES (?, ?, ?)';
    await write.run(sql, [write.projectId, name, rateLimitDefault]);
  }

  private record(write: Write, caller: Caller, action: string, name: string): Promise<void> {
    return this.audit.record(write, caller, { action, resourceType: 'Project', resourceId: write.projectId, resourceName: name });
  }
}

/** Projects are made and ended by people: a key that leaks must not reach beyond its project. @throws Fault `forbidden` */
function personOf({ principal }: Caller): Principal {
  if (principal.apiKeyMode !== undefined) throw new Fault('forbidden');
  return principal;
}
