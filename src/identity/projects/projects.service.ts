import { Injectable } from '@nestjs/common';
import { AuditService } from '../../platform/audit/audit.service.js';
import { ChangesService, type Write, type WriteScope } from '../../platform/changes/changes.service.js';
import { insertCounter, isCounterTaken } from '../../platform/changes/counters.js';
import { ApiFault } from '../../platform/common/api-error.js';
import { Clock } from '../../platform/common/clock.js';
import { newId } from '../../platform/common/ids.js';
import type { Caller } from '../../platform/common/principal.js';
import type { ProjectScope } from '../../platform/common/scope.js';
import { Database } from '../../platform/database/database.js';
import { violates } from '../../platform/database/errors.js';
import { columnsOf } from '../../platform/database/columns.js';
import { proof } from '../../platform/vault/mac-tables.js';
import { RowMacs } from '../../platform/vault/row-macs.js';
import { operator } from './operator.js';
import { Domain, Project } from './project.entity.js';
import { ProjectNameTaken } from './projects.errors.js';

const DOMAIN = columnsOf(Domain, 'd').except('mac');
const PROJECT = columnsOf(Project, 'p').except('mac');

const UNIQUE_PROJECT_NAME = { name: 'uq_projects_domain_name', columns: 'projects.domain_id, projects.name' };
const UNIQUE_DOMAIN_NAME = { name: 'uq_domains_name', columns: 'domains.name' };

/** Format of the names of projects and domains, which appear in URLs, shells and Terraform files. */
export const PROJECT_NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$/;

/** The scope of a write in a project that belongs to no gateway, such as the creation or deletion of a gateway. */
export const inProject = ({ projectId }: ProjectScope): WriteScope => ({
  scope: { kind: 'project', id: projectId },
  projectId,
  notFound: () => new ApiFault('forbidden'),
});

/** The scope of a write in a domain: about its users, groups and policies. */
export const inDomain = (domainId: string): WriteScope => ({
  scope: { kind: 'domain', id: domainId },
  projectId: domainId,
  notFound: () => new ApiFault('forbidden'),
});

/** A row as both databases return it, without booleans. */
type StoredFlag<T> = Omit<T, 'enabled'> & { enabled: 0 | 1 };

/** Domains and projects. */
@Injectable()
export class ProjectsService {
  constructor(
    private readonly database: Database,
    private readonly changes: ChangesService,
    private readonly audit: AuditService,
    private readonly clock: Clock,
    private readonly macs: RowMacs,
  ) {}

  /** Returns the domain with this name, and creates it if it does not exist. Several processes may call this method at the same time. */
  async ensureDomain(name: string): Promise<Domain> {
    const there = await this.domainByName(name);
    if (there) return there;
    const domain: Domain = { id: newId(), name, enabled: true, createdAt: this.clock.now() };
    try {
      await this.database.transaction(async (tx) => {
        await tx.manager.insert(Domain, { ...domain, mac: this.macs.of('domains', { ...domain }) });
        await insertCounter(tx, { kind: 'domain', id: domain.id }, domain.id);
      });
      return domain;
    } catch (error) {
      const made = violates(error, UNIQUE_DOMAIN_NAME) ? await this.domainByName(name) : undefined;
      if (made) return made;
      throw error;
    }
  }

  /**
   * Returns the project with this name in the domain, and creates it if it does not exist. Several processes may call this method at the
   * same time.
   */
  async ensureProject(domainId: string, name: string, description = ''): Promise<Project> {
    const there = await this.projectByName(domainId, name);
    if (there) return there;
    try {
      return await this.create(domainId, { name, description }, operator('signet'));
    } catch (error) {
      const made = error instanceof ProjectNameTaken ? await this.projectByName(domainId, name) : undefined;
      if (made) return made;
      throw error;
    }
  }

  /**
   * Returns the project with this id at an external identity service, and creates it if it does not exist, because gateways refer to the
   * row of a project. Its name is its id, because names can move between projects there. Several processes may call this method at the same
   * time.
   * @param domain the name of the domain for all projects of that service
   * @param description the name of the project, for people
   * @throws ApiFault `forbidden` when the id is already in use for something else
   */
  async ensureExternal(id: string, domain: string, description: string): Promise<void> {
    if ((await this.database.rows('SELECT 1 AS one FROM projects WHERE id = ?', [id])).length > 0) return;
    const { id: domainId } = await this.ensureDomain(domain);
    const project: Project = { id, domainId, name: id, description, enabled: true, createdAt: this.clock.now() };
    await this.makeCounter(id).catch((error: unknown) => {
      // Created by another process, or by one that stopped before it created the project.
      if (!isCounterTaken(error)) throw error;
    });
    // If the id belongs to a domain, a gateway or an endpoint, the write finds no project with it.
    await this.changes.write(inProject({ projectId: id }), async (write) => {
      const [there] = await write.rows('SELECT 1 AS one FROM projects WHERE id = ?', [id]);
      if (!there) await this.insert(write, project, operator('signet'));
    });
  }

  /**
   * Creates a project. Its counter is created first, because every write locks it. A counter without a project does no harm.
   * @param also writes for the same transaction, such as the creator's roles
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
      if (!(error instanceof ProjectNameTaken)) throw error;
      await this.database.transaction((tx) => tx.run("DELETE FROM change_counters WHERE scope_kind = 'project' AND scope_id = ?", [id]));
      throw error;
    }
    return project;
  }

  private async domainByName(name: string): Promise<Domain | undefined> {
    const sql = `SELECT ${DOMAIN.select}, ${proof('domains', 'd')} FROM domains d WHERE d.name = ?`;
    const row = await this.macs.one(this.database, await this.database.rows<StoredFlag<Domain>>(sql, [name]), { d: 'domains' });
    return row && { ...row, enabled: row.enabled === 1 };
  }

  private async projectByName(domainId: string, name: string): Promise<Project | undefined> {
    const sql = `SELECT ${PROJECT.select}, ${proof('projects', 'p')}
      FROM projects p WHERE p.domain_id = ? AND p.name = ?`;
    const rows = await this.database.rows<StoredFlag<Project>>(sql, [domainId, name]);
    const row = await this.macs.one(this.database, rows, { p: 'projects' });
    return row && { ...row, enabled: row.enabled === 1 };
  }

  private async makeCounter(id: string): Promise<void> {
    await this.database.transaction((tx) => insertCounter(tx, { kind: 'project', id }, id));
  }

  private async insert(write: Write, project: Project, caller: Caller): Promise<void> {
    const { id, name, domainId: domain_id, enabled } = project;
    const mac = this.macs.of('projects', { id, domain_id, name, enabled });
    await write.manager.insert(Project, { ...project, mac }).catch((error: unknown) => {
      throw violates(error, UNIQUE_PROJECT_NAME) ? new ProjectNameTaken() : error;
    });
    await this.audit.record(write, caller, { action: 'CreateProject', resourceType: 'Project', resourceId: id, resourceName: name });
    write.change('project', id, 'created');
  }
}
