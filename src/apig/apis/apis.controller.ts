import { Body, Controller, Delete, Get, Param, Post, Put, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Allow } from '../../platform/common/access.decorators.js';
import { Answers } from '../../platform/common/answers.js';
import { BodyLimit, DEFINITION_BYTES } from '../../platform/common/body-limit.js';
import { type Caller, CallerOf } from '../../platform/common/principal.js';
import { InInstance, type InstanceScope } from '../../platform/common/scope.js';
import { ApiCheckInput, ApiInput, ApiQuery } from './apis.dto.js';
import { API_ERRORS } from './apis.answers.js';
import { ApisService } from './apis.service.js';
import { ApiListView, ApiView } from './apis.views.js';

@ApiTags('APIs')
@Controller('/v2/:project_id/apigw/instances/:instance_id/apis')
export class ApisController {
  constructor(private readonly apis: ApisService) {}

  @Post()
  @BodyLimit(DEFINITION_BYTES)
  @Allow('apig:apis:create')
  @Answers(201, ApiView, 'CreateApiV2', 'Create an API', API_ERRORS.create)
  create(@InInstance() scope: InstanceScope, @Body() input: ApiInput, @CallerOf() caller: Caller): Promise<ApiView> {
    return this.apis.create(scope, input, caller);
  }

  @Post('check')
  @Allow('apig:apis:create')
  @Answers(204, undefined, 'CheckApisV2', 'Check that an API name, or a pair of method and path, is not in use', API_ERRORS.check)
  check(@InInstance() scope: InstanceScope, @Body() input: ApiCheckInput): Promise<void> {
    return this.apis.check(scope, input);
  }

  @Get()
  @Allow('apig:apis:list')
  @Answers(200, ApiListView, 'ListApisV2', 'List APIs, newest first')
  list(@InInstance() scope: InstanceScope, @Query() query: ApiQuery): Promise<ApiListView> {
    return this.apis.list(scope, query);
  }

  @Get(':api_id')
  @Allow('apig:apis:get')
  @Answers(200, ApiView, 'ShowDetailsOfApiV2', 'Show an API', API_ERRORS.get)
  get(@InInstance() scope: InstanceScope, @Param('api_id') apiId: string): Promise<ApiView> {
    return this.apis.get(scope, apiId);
  }

  @Put(':api_id')
  @BodyLimit(DEFINITION_BYTES)
  @Allow('apig:apis:update')
  @Answers(200, ApiView, 'UpdateApiV2', 'Modify an API; versions that are online do not change', API_ERRORS.update)
  update(
    @InInstance() scope: InstanceScope,
    @Param('api_id') apiId: string,
    @Body() input: ApiInput,
    @CallerOf() caller: Caller,
  ): Promise<ApiView> {
    return this.apis.update(scope, apiId, input, caller);
  }

  @Delete(':api_id')
  @Allow('apig:apis:delete')
  @Answers(204, undefined, 'DeleteApiV2', 'Delete an API that is not online in any environment', API_ERRORS.delete)
  delete(@InInstance() scope: InstanceScope, @Param('api_id') apiId: string, @CallerOf() caller: Caller): Promise<void> {
    return this.apis.delete(scope, apiId, caller);
  }
}
