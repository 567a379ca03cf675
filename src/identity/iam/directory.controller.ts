import { Body, Controller, Get, Post, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { AllowInDomain, Authenticated } from '../../platform/common/access.decorators.js';
import { Answers } from '../../platform/common/answers.js';
import { type Caller, CallerOf } from '../../platform/common/principal.js';
import { NameQuery, ProjectInput, ProjectQuery } from './directory.dto.js';
import { DirectoryService, LIST_USERS } from './directory.service.js';
import { CatalogView, DomainListView, ProjectAnswerView, ProjectListView, RegionListView, UserListView } from './directory.views.js';
import { PROJECT_ERRORS } from './iam.answers.js';

@ApiTags('Identity')
@Controller('/v3')
export class DirectoryController {
  constructor(private readonly directory: DirectoryService) {}

  @Get('projects')
  @Authenticated()
  @Answers(200, ProjectListView, 'KeystoneListProjects', 'List the projects in which the caller has a role')
  listProjects(@Query() query: ProjectQuery, @CallerOf() { principal }: Caller): Promise<ProjectListView> {
    return this.directory.listProjects('/projects', query, principal);
  }

  @Get('auth/projects')
  @Authenticated()
  @Answers(200, ProjectListView, 'KeystoneListAuthProjects', 'List the projects to which a token can be scoped')
  listOwnProjects(@Query() query: ProjectQuery, @CallerOf() { principal }: Caller): Promise<ProjectListView> {
    return this.directory.listProjects('/auth/projects', query, principal);
  }

  @Post('projects')
  @AllowInDomain('iam:projects:createProject')
  @Answers(201, ProjectAnswerView, 'KeystoneCreateProject', 'Create a project in the domain of the caller', PROJECT_ERRORS.create)
  createProject(@Body() input: ProjectInput, @CallerOf() caller: Caller): Promise<ProjectAnswerView> {
    return this.directory.createProject(input, caller);
  }

  @Get('auth/domains')
  @Authenticated()
  @Answers(200, DomainListView, 'KeystoneListAuthDomains', 'List the domains to which a token can be scoped')
  listDomains(@Query() query: NameQuery, @CallerOf() { principal }: Caller): DomainListView {
    return this.directory.listDomains(query, principal);
  }

  @Get('auth/catalog')
  @Authenticated()
  @Answers(200, CatalogView, 'KeystoneShowCatalog', 'List the services that a token can reach')
  catalog(@CallerOf() { principal }: Caller): CatalogView {
    return this.directory.catalog(principal);
  }

  @Get('users')
  @Authenticated(LIST_USERS)
  @Answers(200, UserListView, 'KeystoneListUsers', 'List the users of the domain; without the action, the list contains only the caller')
  listUsers(@Query() query: NameQuery, @CallerOf() { principal }: Caller): Promise<UserListView> {
    return this.directory.listUsers(query, principal);
  }

  @Get('regions')
  @Authenticated()
  @Answers(200, RegionListView, 'KeystoneListRegions', 'List regions')
  listRegions(): RegionListView {
    return this.directory.listRegions();
  }
}
