import { Body, Controller, Delete, Get, Param, Put, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Allow } from '../../platform/common/access.decorators.js';
import { Answers } from '../../platform/common/answers.js';
import { type Caller, CallerOf } from '../../platform/common/principal.js';
import { RECEIPT_HEADERS, WithReceipt } from '../../platform/receipts/with-receipt.js';
import { InInstance, type InstanceScope } from '../../platform/common/scope.js';
import type { Committed } from '../../platform/common/committed.js';
import { PUBLICATION_ERRORS } from './apis.answers.js';
import { ApiVersionView, HistoryQuery, HistoryView, RuntimeQuery, SwitchInput, SwitchView } from './publications.dto.js';
import { ApiVersionsService } from './api-versions.service.js';

@ApiTags('Publication')
@Controller('/v2/:project_id/apigw/instances/:instance_id/apis')
export class ApiVersionsController {
  constructor(private readonly versions: ApiVersionsService) {}

  @Get('publish/:api_id')
  @Allow('apig:apis:get')
  @Answers(200, HistoryView, 'ListApiVersionsV2', 'List the versions of an API, newest first', PUBLICATION_ERRORS.history)
  history(@InInstance() scope: InstanceScope, @Param('api_id') apiId: string, @Query() query: HistoryQuery): Promise<HistoryView> {
    return this.versions.history(scope, apiId, query);
  }

  @Put('publish/:api_id')
  @Allow('apig:apis:publish')
  @Answers(200, SwitchView, 'ChangeApiVersionV2', 'Switch an API to another version', PUBLICATION_ERRORS.switch, RECEIPT_HEADERS)
  @WithReceipt()
  switch(
    @InInstance() scope: InstanceScope,
    @Param('api_id') apiId: string,
    @Body() input: SwitchInput,
    @CallerOf() caller: Caller,
  ): Promise<Committed<SwitchView>> {
    return this.versions.switch(scope, apiId, input.version_id, caller);
  }

  @Get('versions/:version_id')
  @Allow('apig:apis:get')
  @Answers(200, ApiVersionView, 'ListApiVersionDetailV2', 'Show a version of an API', PUBLICATION_ERRORS.version)
  get(@InInstance() scope: InstanceScope, @Param('version_id') versionId: string): Promise<ApiVersionView> {
    return this.versions.get(scope, versionId);
  }

  @Delete('versions/:version_id')
  @Allow('apig:apis:offline')
  @Answers(204, undefined, 'DeleteApiByVersionIdV2', 'Take a version of an API offline', PUBLICATION_ERRORS.version, RECEIPT_HEADERS)
  @WithReceipt()
  takeOffline(
    @InInstance() scope: InstanceScope,
    @Param('version_id') versionId: string,
    @CallerOf() caller: Caller,
  ): Promise<Committed<void>> {
    return this.versions.takeOffline(scope, versionId, caller);
  }

  @Get('runtime/:api_id')
  @Allow('apig:apis:get')
  @Answers(
    200,
    ApiVersionView,
    'ListApiRuntimeDefinitionV2',
    'Show the version of an API that is online in an environment',
    PUBLICATION_ERRORS.runtime,
  )
  runtime(@InInstance() scope: InstanceScope, @Param('api_id') apiId: string, @Query() query: RuntimeQuery): Promise<ApiVersionView> {
    return this.versions.runtime(scope, apiId, query.env_id);
  }
}
