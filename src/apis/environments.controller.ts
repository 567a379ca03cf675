import { Body, Controller, Delete, Get, HttpCode, Param, Post, Put, Query } from '@nestjs/common';
import { Allow } from '../common/access.js';
import { type Caller, CallerOf } from '../common/principal.js';
import { InInstance, type InstanceScope } from '../common/scope.js';
import {
  EnvironmentCreateInput,
  EnvironmentInput,
  type EnvironmentListView,
  EnvironmentQuery,
  type EnvironmentView,
} from './environments.dto.js';
import { EnvironmentsService } from './environments.service.js';

@Controller('/v2/:project_id/apigw/instances/:instance_id/envs')
export class EnvironmentsController {
  constructor(private readonly environments: EnvironmentsService) {}

  @Post()
  @Allow('apig:envs:create')
  create(@InInstance() scope: InstanceScope, @Body() input: EnvironmentCreateInput, @CallerOf() caller: Caller): Promise<EnvironmentView> {
    return this.environments.create(scope, input, caller);
  }

  @Get()
  @Allow('apig:envs:list')
  list(@InInstance() scope: InstanceScope, @Query() query: EnvironmentQuery): Promise<EnvironmentListView> {
    return this.environments.list(scope, query);
  }

  @Put(':env_id')
  @Allow('apig:envs:update')
  update(
    @InInstance() scope: InstanceScope,
    @Param('env_id') envId: string,
    @Body() input: EnvironmentInput,
    @CallerOf() caller: Caller,
  ): Promise<EnvironmentView> {
    return this.environments.update(scope, envId, input, caller);
  }

  @Delete(':env_id')
  @HttpCode(204)
  @Allow('apig:envs:delete')
  delete(@InInstance() scope: InstanceScope, @Param('env_id') envId: string, @CallerOf() caller: Caller): Promise<void> {
    return this.environments.delete(scope, envId, caller);
  }
}
