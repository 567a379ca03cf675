import { Body, Controller, Get, Post, Query } from '@nestjs/common';
import { Authenticated } from '../common/access.js';
import { type Caller, CallerOf } from '../common/principal.js';
import { NameQuery, ProjectInput, ProjectQuery } from './directory.dto.js';
import { DirectoryService } from './directory.service.js';
import type { CatalogView, DomainListView, ProjectAnswerView, ProjectListView, RegionListView, UserListView } from './directory.views.js';

@Controller('/v3')
export class DirectoryController {
  constructor(private readonly directory: DirectoryService) {}

  @Get('projects')
  @Authenticated()
  listProjects(@Query() query: ProjectQuery, @CallerOf() { principal }: Caller): Promise<ProjectListView> {
    return this.directory.listProjects('/projects', query, principal);
  }

  @Get('auth/projects')
  @Authenticated()
  listOwnProjects(@Query() query: ProjectQuery, @CallerOf() { principal }: Caller): Promise<ProjectListView> {
    return this.directory.listProjects('/auth/projects', query, principal);
  }

  @Post('projects')
  @Authenticated()
  createProject(@Body() input: ProjectInput, @CallerOf() caller: Caller): Promise<ProjectAnswerView> {
    return this.directory.createProject(input, caller);
  }

  @Get('auth/domains')
  @Authenticated()
  listDomains(@Query() query: NameQuery, @CallerOf() { principal }: Caller): DomainListView {
    return this.directory.listDomains(query, principal);
  }

  @Get('auth/catalog')
  @Authenticated()
  catalog(@CallerOf() { principal }: Caller): CatalogView {
    return this.directory.catalog(principal);
  }

  @Get('users')
  @Authenticated()
  listUsers(@Query() query: NameQuery, @CallerOf() { principal }: Caller): Promise<UserListView> {
    return this.directory.listUsers(query, principal);
  }

  @Get('regions')
  @Authenticated()
  listRegions(): RegionListView {
    return this.directory.listRegions();
  }
}
