import { Body, Controller, Get, Param, Post, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { Allow, AllowOneOf } from '../../platform/common/access.decorators.js';
import { Answers } from '../../platform/common/answers.js';
import { Page } from '../../platform/common/pagination.js';
import { type Caller, CallerOf } from '../../platform/common/principal.js';
import { InProject, type ProjectScope } from '../../platform/common/scope.js';
import {
  ProjectTagsView,
  TagActionInput,
  TaggedInstanceCountView,
  TaggedInstancesInput,
  TaggedInstancesView,
  TaggedInstanceView,
} from './instance-tags.dto.js';
import { InstanceTagsService } from './instance-tags.service.js';
import { INSTANCE_ERRORS } from './instances.errors.js';

const actionOf = ({ body }: FastifyRequest) =>
  (body as { action?: unknown } | undefined)?.action === 'delete' ? 'apig:instanceTags:delete' : 'apig:instanceTags:create';

@ApiTags('Gateways')
@Controller('/v2/:project_id/apigw')
export class InstanceTagsController {
  constructor(private readonly tags: InstanceTagsService) {}

  @Get('instances/:instance_id/instance-tags')
  @Allow('apig:instanceTags:list')
  @Answers(200, TaggedInstanceView, 'ListInstanceTags', 'List the tags of a gateway', INSTANCE_ERRORS.detail)
  ofGateway(@InProject() scope: ProjectScope, @Param('instance_id') instanceId: string): Promise<TaggedInstanceView> {
    return this.tags.ofGateway(scope, instanceId);
  }

  @Post('instances/:instance_id/instance-tags/action')
  @AllowOneOf(['apig:instanceTags:create', 'apig:instanceTags:delete'], actionOf)
  @Answers(204, undefined, 'BatchCreateOrDeleteInstanceTags', 'Add tags to a gateway, or remove them', INSTANCE_ERRORS.tags)
  change(
    @InProject() scope: ProjectScope,
    @Param('instance_id') instanceId: string,
    @Body() input: TagActionInput,
    @CallerOf() caller: Caller,
  ): Promise<void> {
    return this.tags.change(scope, instanceId, input, caller);
  }

  @Get('instance-tags')
  @Allow('apig:instanceTags:list')
  @Answers(200, ProjectTagsView, 'ListProjectInstanceTags', 'List the tags of all gateways of a project')
  ofProject(@InProject() scope: ProjectScope): Promise<ProjectTagsView> {
    return this.tags.ofProject(scope);
  }

  @Post('resource-instances/filter')
  @Allow('apig:instanceTags:list')
  @Answers(200, TaggedInstancesView, 'ListInstancesByTags', 'Find gateways by their tags')
  find(@InProject() scope: ProjectScope, @Body() input: TaggedInstancesInput, @Query() page: Page): Promise<TaggedInstancesView> {
    return this.tags.find(scope, input, page);
  }

  @Post('resource-instances/count')
  @Allow('apig:instanceTags:list')
  @Answers(200, TaggedInstanceCountView, 'CountInstancesByTags', 'Count gateways by their tags')
  count(@InProject() scope: ProjectScope, @Body() input: TaggedInstancesInput): Promise<TaggedInstanceCountView> {
    return this.tags.count(scope, input);
  }
}
