import { Injectable } from '@nestjs/common';
import type { WriteScope } from '../changes/changes.service.js';
import { Fault } from '../common/api-error.js';
import { Clock } from '../common/clock.js';
import { newId } from '../common/ids.js';
import type { ProjectScope } from '../common/scope.js';
import { Database, type Tx } from '../database/database.js';
import { violates } from '../database/errors.js';
import { Domain, Project } from './project.entity.js';

const UNIQUE_PROJECT_NAME = { name: 'uq_projects_domain_name', columns: 'projects.domain_id, projects.name' };
const UNIQUE_DOMAIN_NAME = { name: 'uq_domains_name', columns: 'domains.name' };
const DOMAIN_ID = { name: 'PRIMARY', columns: 'domains.id' };
const PROJECT_ID = { name: 'PRIMARY', columns: 'projects.id' };

/** A project as the scope of a write that belongs to no gateway: creating one, deleting one. */
export const inProject = ({ projectId }: ProjectScope): WriteScope => ({ scopeId: projectId, projectId, missing: () => new Fault('forbidden') });

/** Domains and projects: who owns what. */
@Injectable()
export class ProjectsService {
  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
  ) {}

  /** The domain of this name, made if it is not there. Safe to call from several processes at once. */
  async ensureDomain(name: string): Promise<Domain> {
    const find = () => this.database.manager.findOneBy(Domain, { name });
    const there = await find();
    if (there) return there;
    const domain: Domain = { id: newId(), name, enabled: true, createdAt: this.clock.now() };
    const made = await this.insertOnce((tx) => tx.manager.insert(Domain, domain), [UNIQUE_DOMAIN_NAME, DOMAIN_ID]);
    return made ? domain : await this.ensureDomain(name);
  }

  /** The project of this name in the domain, made if it is not there, with its counter. Safe to call from several processes at once. */
  async ensureProject(domainId: string, name: string, description = ''): Promise<Project> {
    const there = await this.database.manager.findOneBy(Project, { domainId, name });
    if (there) return there;
    const project: Project = { id: newId(), domainId, name, description, enabled: true, createdAt: this.clock.now() };
    const made = await this.insertOnce(async (tx) => {
      await tx.manager.insert(Project, project);
      await tx.run('INSERT INTO change_counters (scope_id, project_id, revision) VALUES (?, ?, 0)', [project.id, project.id]);
    }, [UNIQUE_PROJECT_NAME, PROJECT_ID]);
    return made ? project : await this.ensureProject(domainId, name, description);
  }

  private async insertOnce(insert: (tx: Tx) => Promise<unknown>, unique: readonly { name: string; columns: string }[]): Promise<boolean> {
    try {
      await this.database.transaction(insert);
      return true;
    } catch (error) {
      if (unique.some((index) => violates(error, index))) return false;
      throw error;
    }
  }
}
