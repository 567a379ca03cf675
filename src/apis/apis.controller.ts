import { Body, Controller, Delete, Get, HttpCode, Param, Post, Put, Query } from '@nestjs/common';
import { Allow } from '../common/access.js';
import { type Caller, CallerOf } from '../common/principal.js';
import { InInstance, type InstanceScope } from '../common/scope.js';
import { ApiCheckInput, ApiInput, ApiQuery } from './apis.dto.js';
import { ApisService } from './apis.service.js';
import type { ApiListView, ApiView } from './apis.views.js';

@Controller('/v2/:project_id/apigw/instances/:instance_id/apis')
export class ApisController {
  constructor(private readonly apis: ApisService) {}

  @Post()
  @Allow('apig:apis:create')
  create(@InInstance() scope: InstanceScope, @Body() input: ApiInput, @CallerOf() caller: Caller): Promise<ApiView> {
    return this.apis.create(scope, input, caller);
  }

  @Post('check')
  @HttpCode(204)
  @Allow('apig:apis:create')
  check(@InInstance() scope: InstanceScope, @Body() input: ApiCheckInput): Promise<void> {
    return this.apis.check(scope, input);
  }

  @Get()
  @Allow('apig:apis:list')
  list(@InInstance() scope: InstanceScope, @Query() query: ApiQuery): Promise<ApiListView> {
    return this.apis.list(scope, query);
  }

  @Get(':api_id')
  @Allow('apig:apis:get')
  get(@InInstance() scope: InstanceScope, @Param('api_id') apiId: string): Promise<ApiView> {
    return this.apis.get(scope, apiId);
  }

  @Put(':api_id')
  @Allow('apig:apis:update')
  update(
    @InInstance() scope: InstanceScope,
    @Param('api_id') apiId: string,
    @Body() input: ApiInput,
    @CallerOf() caller: Caller,
  ): Promise<ApiView> {
    return this.apis.update(scope, apiId, input, caller);
  }

  @Delete(':api_id')
  @HttpCode(204)
  @Allow('apig:apis:delete')
  delete(@InInstance() scope: InstanceScope, @Param('api_id') apiId: string, @CallerOf() caller: Caller): Promise<void> {
    return this.apis.delete(scope, apiId, caller);
  }
}
