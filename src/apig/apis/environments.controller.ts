import { Body, Controller, Delete, Get, Param, Post, Put, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Allow } from '../../platform/common/access.decorators.js';
import { Answers } from '../../platform/common/answers.js';
import { type Caller, CallerOf } from '../../platform/common/principal.js';
import { RECEIPT_HEADERS, WithReceipt } from '../../platform/receipts/with-receipt.js';
import { InInstance, type InstanceScope } from '../../platform/common/scope.js';
import type { Committed } from '../../platform/common/committed.js';
import { ENVIRONMENT_ERRORS } from './apis.answers.js';
import { EnvironmentCreateInput, EnvironmentInput, EnvironmentListView, EnvironmentQuery, EnvironmentView } from './environments.dto.js';
import { EnvironmentsService } from './environments.service.js';

@ApiTags('Environments')
@Controller('/v2/:project_id/apigw/instances/:instance_id/envs')
export class EnvironmentsController {
  constructor(private readonly environments: EnvironmentsService) {}

  @Post()
  @Allow('apig:envs:create')
  @Answers(201, EnvironmentView, 'CreateEnvironmentV2', 'Create an environment', ENVIRONMENT_ERRORS.create)
  create(@InInstance() scope: InstanceScope, @Body() input: EnvironmentCreateInput, @CallerOf() caller: Caller): Promise<EnvironmentView> {
    return this.environments.create(scope, input, caller);
  }

  @Get()
  @Allow('apig:envs:list')
  @Answers(200, EnvironmentListView, 'ListEnvironmentsV2', 'List environments: RELEASE first, then all others, newest first')
  list(@InInstance() scope: InstanceScope, @Query() query: EnvironmentQuery): Promise<EnvironmentListView> {
    return this.environments.list(scope, query);
  }

  @Put(':env_id')
  @Allow('apig:envs:update')
  @Answers(200, EnvironmentView, 'UpdateEnvironmentV2', 'Modify an environment', ENVIRONMENT_ERRORS.update, RECEIPT_HEADERS)
  @WithReceipt()
  update(
    @InInstance() scope: InstanceScope,
    @Param('env_id') envId: string,
    @Body() input: EnvironmentInput,
    @CallerOf() caller: Caller,
  ): Promise<Committed<EnvironmentView>> {
    return this.environments.update(scope, envId, input, caller);
  }

  @Delete(':env_id')
  @Allow('apig:envs:delete')
  @Answers(204, undefined, 'DeleteEnvironmentV2', 'Delete an environment in which no API is published', ENVIRONMENT_ERRORS.delete)
  delete(@InInstance() scope: InstanceScope, @Param('env_id') envId: string, @CallerOf() caller: Caller): Promise<void> {
    return this.environments.delete(scope, envId, caller);
  }
}
