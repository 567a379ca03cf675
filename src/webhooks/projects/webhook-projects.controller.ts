import { Body, Controller, Delete, Get, Param, Post, Put } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { ForProject } from '../../platform/common/access.decorators.js';
import { ApiFault } from '../../platform/common/api-error.js';
import { AnswersEnvelope, DeletedView } from '../../platform/common/envelope.js';
import { type Caller, CallerOf } from '../../platform/common/principal.js';
import { WebhookProjectInUse, WebhookProjectNotFound } from './webhook-projects.errors.js';
import { WebhookProjectInput, WebhookProjectPatch, WebhookProjectView } from './webhook-projects.dto.js';
import { WebhookProjectsService } from './webhook-projects.service.js';

@ApiTags('Webhook projects')
@Controller('/v1/projects')
export class WebhookProjectsController {
  constructor(private readonly projects: WebhookProjectsService) {}

  @Get()
  @ForProject('webhooks:projects:list')
  @AnswersEnvelope(200, WebhookProjectView, 'ListProjects', 'List the projects that the caller can see', [], { of: 'list' })
  list(@CallerOf() caller: Caller): Promise<WebhookProjectView[]> {
    return this.projects.list(caller);
  }

  @Post()
  @ForProject('iam:projects:createProject')
  @AnswersEnvelope(201, WebhookProjectView, 'CreateProject', 'Create a project in the domain of the caller', [new ApiFault('conflict')])
  create(@Body() input: WebhookProjectInput, @CallerOf() caller: Caller): Promise<WebhookProjectView> {
    return this.projects.create(input, caller);
  }

  @Get(':id')
  @ForProject('webhooks:projects:get')
  @AnswersEnvelope(200, WebhookProjectView, 'GetProject', 'Show a project', [new WebhookProjectNotFound()])
  show(@Param('id') projectId: string, @CallerOf() caller: Caller): Promise<WebhookProjectView> {
    return this.projects.show(projectId, caller);
  }

  @Put(':id')
  @ForProject('iam:projects:updateProject')
  @AnswersEnvelope(200, WebhookProjectView, 'UpdateProject', 'Change the display name and rate limit of a project', [
    new WebhookProjectNotFound(),
  ])
  update(@Param('id') projectId: string, @Body() patch: WebhookProjectPatch, @CallerOf() caller: Caller): Promise<WebhookProjectView> {
    return this.projects.update(projectId, patch, caller);
  }

  @Delete(':id')
  @ForProject('iam:projects:deleteProject')
  @AnswersEnvelope(200, DeletedView, 'DeleteProject', 'Delete a project that has no endpoints and no gateways', [
    new WebhookProjectNotFound(),
    new WebhookProjectInUse(),
  ])
  async delete(@Param('id') projectId: string, @CallerOf() caller: Caller): Promise<DeletedView> {
    await this.projects.delete(projectId, caller);
    return { deleted: true };
  }
}
