import { Body, Controller, Delete, Get, HttpCode, Param, Put, Query } from '@nestjs/common';
import { Allow } from '../common/access.js';
import { type Caller, CallerOf } from '../common/principal.js';
import { InInstance, type InstanceScope } from '../common/scope.js';
import { type ApiVersionView, HistoryQuery, type HistoryView, RuntimeQuery, SwitchInput, type SwitchView } from './publications.dto.js';
import { ApiVersionsService } from './api-versions.service.js';

@Controller('/v2/:project_id/apigw/instances/:instance_id/apis')
export class ApiVersionsController {
  constructor(private readonly versions: ApiVersionsService) {}

  @Get('publish/:api_id')
  @Allow('apig:apis:get')
  history(@InInstance() scope: InstanceScope, @Param('api_id') apiId: string, @Query() query: HistoryQuery): Promise<HistoryView> {
    return this.versions.history(scope, apiId, query);
  }

  @Put('publish/:api_id')
  @Allow('apig:apis:publish')
  switch(
    @InInstance() scope: InstanceScope,
    @Param('api_id') apiId: string,
    @Body() input: SwitchInput,
    @CallerOf() caller: Caller,
  ): Promise<SwitchView> {
    return this.versions.switch(scope, apiId, input.version_id, caller);
  }

  @Get('versions/:version_id')
  @Allow('apig:apis:get')
  get(@InInstance() scope: InstanceScope, @Param('version_id') versionId: string): Promise<ApiVersionView> {
    return this.versions.get(scope, versionId);
  }

  @Delete('versions/:version_id')
  @HttpCode(204)
  @Allow('apig:apis:offline')
  takeOffline(@InInstance() scope: InstanceScope, @Param('version_id') versionId: string, @CallerOf() caller: Caller): Promise<void> {
    return this.versions.takeOffline(scope, versionId, caller);
  }

  @Get('runtime/:api_id')
  @Allow('apig:apis:get')
  runtime(@InInstance() scope: InstanceScope, @Param('api_id') apiId: string, @Query() query: RuntimeQuery): Promise<ApiVersionView> {
    return this.versions.runtime(scope, apiId, query.env_id);
  }
}
