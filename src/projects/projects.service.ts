import { Injectable } from '@nestjs/common';
import { AuditService } from '../audit/audit.service.js';
import { ChangesService, type Write, type WriteScope } from '../changes/changes.service.js';
import { Fault } from '../common/api-error.js';
import { Clock } from '../common/clock.js';
import { newId } from '../common/ids.js';
import type { Caller } from '../common/principal.js';
import type { ProjectScope } from '../common/scope.js';
import { Database } from '../database/database.js';
import { violates } from '../database/errors.js';
import { operator } from './operator.js';
import { Domain, Project } from './project.entity.js';
import { ProjectNameTaken } from './projects.errors.js';

const UNIQUE_PROJECT_NAME = { name: 'uq_projects_domain_name', columns: 'projects.domain_id, projects.name' };
const UNIQUE_COUNTER = { name: 'PRIMARY', columns: 'change_counters.scope_id' };
const UNIQUE_DOMAIN_NAME = { name: 'uq_domains_name', columns: 'domains.name' };

/** What a project, a domain can be called: it stands in URLs, in shells and in Terraform files. */
export const PROJECT_NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$/;

/** A project as the scope of a write that belongs to no gateway: creating one, deleting one. */
export const inProject = ({ projectId }: ProjectScope): WriteScope => ({
  scopeId: projectId,
  projectId,
  missing: () => new Fault('forbidden'),
});

/** A domain as the scope of a write: its users, groups and policies. */
export const inDomain = (domainId: string): WriteScope => ({
  scopeId: domainId,
  projectId: domainId,
  missing: () => new Fault('forbidden'),
});

/** Domains and projects: who owns what. */
@Injectable()
export class ProjectsService {
  constructor(
    private readonly database: Database,
    private readonly changes: ChangesService,
    private readonly audit: AuditService,
    private readonly clock: Clock,
  ) {}

  /** The domain of this name, made if it is not there. Safe to call from several processes at once. */
  async ensureDomain(name: string): Promise<Domain> {
    const there = await this.database.manager.findOneBy(Domain, { name });
    if (there) return there;
    const domain: Domain = { id: newId(), name, enabled: true, createdAt: this.clock.now() };
    try {
      await this.database.transaction(async (tx) => {
        await tx.manager.insert(Domain, domain);
        await tx.run('INSERT INTO change_counters (scope_id, project_id, revision) VALUES (?, ?, 0)', [domain.id, domain.id]);
      });
      return domain;
    } catch (error) {
      if (violates(error, UNIQUE_DOMAIN_NAME)) return await this.ensureDomain(name);
      throw error;
    }
  }

  /** The project of this name in the domain, made if it is not there. Safe to call from several processes at once. */
  async ensureProject(domainId: string, name: string, description = ''): Promise<Project> {
    const there = await this.database.manager.findOneBy(Project, { domainId, name });
    if (there) return there;
    try {
      return await this.create(domainId, { name, description }, operator('signet'));
    } catch (error) {
      if (error instanceof ProjectNameTaken) return await this.ensureProject(domainId, name, description);
      throw error;
    }
  }

  /**
   * The project that an external identity service knows by this id, made if it is not there: gateways hang on a project's row. It is
   * called by its id, since names move between projects there. Safe to call from several processes at once.
   * @param domain of all projects of that service, by name
   * @param description what people call it
   * @throws Fault `forbidden` when the id is one of ours for something else
   */
  async ensureExternal(id: string, domain: string, description: string): Promise<void> {
    if (await this.database.manager.existsBy(Project, { id })) return;
    const { id: domainId } = await this.ensureDomain(domain);
    const project: Project = { id, domainId, name: id, description, enabled: true, createdAt: this.clock.now() };
    await this.makeCounter(id).catch((error: unknown) => {
      // Made by another process, or by one that died before it made the project.
      if (!violates(error, UNIQUE_COUNTER)) throw error;
    });
    await this.changes.write(inProject({ projectId: id }), async (write) => {
      // A domain has a counter of its own, as a project has.
      const [taken] = await write.rows('SELECT 1 AS one FROM domains WHERE id = ?', [id]);
      if (taken) throw new Fault('forbidden');
      const [there] = await write.rows('SELECT 1 AS one FROM projects WHERE id = ?', [id]);
      if (!there) await this.insert(write, project, operator('signet'));
    });
  }

  /**
   * Creates a project. Its counter has to be there before the first write can lock it; without its project it is nothing that
   * anybody could find.
   * @param also what belongs into the same transaction, such as the creator's roles
   * @throws ProjectNameTaken
   */
  async create(
    domainId: string,
    { name, description }: Pick<Project, 'name' | 'description'>,
    caller: Caller,
    also?: (write: Write) => Promise<unknown>,
  ): Promise<Project> {
    const project: Project = { id: newId(), domainId, name, description, enabled: true, createdAt: this.clock.now() };
    const { id } = project;
    await this.makeCounter(id);
    try {
      await this.changes.write(inProject({ projectId: id }), async (write) => {
        await this.insert(write, project, caller);
        await also?.(write);
      });
    } catch (error) {
      if (!violates(error, UNIQUE_PROJECT_NAME)) throw error;
      await this.database.transaction((tx) => tx.run('DELETE FROM change_counters WHERE scope_id = ?', [id]));
      throw new ProjectNameTaken();
    }
    return project;
  }

  private async makeCounter(id: string): Promise<void> {
    const sql = 'INSERT INTO change_counters (scope_id, project_id, revision) VALUES (?, ?, 0)';
    await this.database.transaction((tx) => tx.run(sql, [id, id]));
  }

  private async insert(write: Write, project: Project, caller: Caller): Promise<void> {
    const { id, name } = project;
    await write.manager.insert(Project, project);
    await this.audit.record(write, caller, { action: 'CreateProject', resourceType: 'Project', resourceId: id, resourceName: name });
    write.change('project', id, 'created');
  }
}
