import { Body, Controller, Delete, Get, HttpCode, Param, Post, Put, Query } from '@nestjs/common';
import { Allow } from '../common/access.js';
import { type Caller, CallerOf } from '../common/principal.js';
import { InProject, type ProjectScope } from '../common/scope.js';
import { InstanceInput, InstanceQuery, InstanceUpdateInput } from './instances.dto.js';
import { InstancesService } from './instances.service.js';
import type { InstanceCreatedView, InstanceDetailView, InstanceListView } from './instances.views.js';

@Controller('/v2/:project_id/apigw/instances')
export class InstancesController {
  constructor(private readonly instances: InstancesService) {}

  @Post()
  @HttpCode(202)
  @Allow('apig:instances:create')
  create(@InProject() scope: ProjectScope, @Body() input: InstanceInput, @CallerOf() caller: Caller): Promise<InstanceCreatedView> {
    return this.instances.create(scope, input, caller);
  }

  @Get()
  @Allow('apig:instances:list')
  list(@InProject() scope: ProjectScope, @Query() query: InstanceQuery): Promise<InstanceListView> {
    return this.instances.list(scope, query);
  }

  @Get(':instance_id')
  @Allow('apig:instances:get')
  detail(@InProject() scope: ProjectScope, @Param('instance_id') instanceId: string): Promise<InstanceDetailView> {
    return this.instances.detail(scope, instanceId);
  }

  @Put(':instance_id')
  @Allow('apig:instances:update')
  update(
    @InProject() scope: ProjectScope,
    @Param('instance_id') instanceId: string,
    @Body() input: InstanceUpdateInput,
    @CallerOf() caller: Caller,
  ): Promise<InstanceDetailView> {
    return this.instances.update(scope, instanceId, input, caller);
  }

  @Delete(':instance_id')
  @HttpCode(204)
  @Allow('apig:instances:delete')
  delete(@InProject() scope: ProjectScope, @Param('instance_id') instanceId: string, @CallerOf() caller: Caller): Promise<void> {
    return this.instances.delete(scope, instanceId, caller);
  }
}
