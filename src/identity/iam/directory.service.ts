import { Injectable } from '@nestjs/common';
import { Permissions } from '../../platform/auth/permissions.js';
import { ApiFault } from '../../platform/common/api-error.js';
import type { Caller, Principal } from '../../platform/common/principal.js';
import { Config } from '../../platform/config/config.js';
import { ProjectsService } from '../projects/projects.service.js';
import { RowMacs } from '../../platform/vault/row-macs.js';
import { catalogFor } from './auth-tokens.views.js';
import { Directory } from './directory.js';
import type { NameQuery, ProjectInput, ProjectQuery } from './directory.dto.js';
import {
  type CatalogView,
  type DomainListView,
  listLinks,
  type ProjectAnswerView,
  type ProjectListView,
  type RegionListView,
  toProjectView,
  toUserView,
  type UserListView,
} from './directory.views.js';
import { assignRoles } from './roles.js';

/** Allows a caller to list the users of its domain. */
export const LIST_USERS = 'iam:users:listUsers';

/** The part of the directory that a caller may see, and the creation of projects (docs/contracts/apig.md §6.1, §6.5). */
@Injectable()
export class DirectoryService {
  readonly #base: string;

  constructor(
    private readonly config: Config,
    private readonly directory: Directory,
    private readonly projects: ProjectsService,
    private readonly permissions: Permissions,
    private readonly macs: RowMacs,
  ) {
    this.#base = `${config.publicUrl}/v3`;
  }

  /** Returns the projects in which the caller has a role. */
  async listProjects(path: string, query: ProjectQuery, caller: Principal): Promise<ProjectListView> {
    const rows = await this.directory.projectsOf(caller.userId, { name: query.name, domainId: query.domain_id });
    return { projects: rows.map((row) => toProjectView(this.#base, row)), links: listLinks(this.#base + path) };
  }

  /**
   * Creates a project in the caller's domain. In the new project the caller gets the roles that it has in the scope of its token.
   * @throws ApiFault `forbidden` for another domain; `conflict` when the name is taken
   */
  async createProject({ project: input }: ProjectInput, caller: Caller): Promise<ProjectAnswerView> {
    const { userId, domainId, domainName, roles } = caller.principal;
    if (input.domain_id !== undefined && input.domain_id !== domainId) throw new ApiFault('forbidden');
    const { name, description = '' } = input;
    const project = await this.projects.create(domainId, { name, description }, caller, (write) =>
      assignRoles(this.macs, write, userId, roles),
    );
    return { project: toProjectView(this.#base, { ...project, domainName }) };
  }

  /** Returns the caller's domain. */
  listDomains(query: NameQuery, { domainId, domainName }: Principal): DomainListView {
    const own = { id: domainId, name: domainName, enabled: true, description: '', links: { self: `${this.#base}/domains/${domainId}` } };
    const domains = query.name === undefined || query.name === domainName ? [own] : [];
    return { domains, links: listLinks(`${this.#base}/auth/domains`) };
  }

  /** Returns the users of the caller's domain; without the permission, only the caller. */
  async listUsers(query: NameQuery, caller: Principal): Promise<UserListView> {
    const { userId, domainId } = caller;
    const sees = (await this.permissions.of(caller)).allows(LIST_USERS);
    const users = await this.directory.users(domainId, { name: query.name, ...(!sees && { id: userId }) });
    return { users: users.map((user) => toUserView(this.#base, user)), links: listLinks(`${this.#base}/users`) };
  }

  /** Returns the only region (`SIGNET_REGION`). */
  listRegions(): RegionListView {
    const { region } = this.config;
    const view = {
      id: region,
      type: 'public' as const,
      description: '',
      parent_region_id: null,
      locales: { 'en-us': region },
      links: { self: `${this.#base}/regions/${region}` },
    };
    return { regions: [view], links: listLinks(`${this.#base}/regions`) };
  }

  /** Returns the services that the scope of the token can reach. */
  catalog({ projectId }: Principal): CatalogView {
    return { catalog: catalogFor(this.config, projectId), links: { self: `${this.#base}/auth/catalog` } };
  }
}
