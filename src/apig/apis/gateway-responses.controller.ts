import { Body, Controller, Delete, Get, Param, Post, Put, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Allow } from '../../platform/common/access.decorators.js';
import { Answers } from '../../platform/common/answers.js';
import { BodyLimit, LIST_BYTES } from '../../platform/common/body-limit.js';
import { Page } from '../../platform/common/pagination.js';
import { type Caller, CallerOf } from '../../platform/common/principal.js';
import { InInstance, type InstanceScope } from '../../platform/common/scope.js';
import { RESPONSE_ERRORS } from './apis.answers.js';
import {
  GatewayResponseInput,
  GatewayResponseListView,
  GatewayResponseView,
  ResponseInput,
  type ResponsePath,
  ResponsesView,
  type ResponseTypePath,
} from './gateway-responses.dto.js';
import { GatewayResponsesService } from './gateway-responses.service.js';

@ApiTags('Gateway responses')
@Controller('/v2/:project_id/apigw/instances/:instance_id/api-groups/:group_id/gateway-responses')
export class GatewayResponsesController {
  constructor(private readonly responses: GatewayResponsesService) {}

  @Post()
  @BodyLimit(LIST_BYTES)
  @Allow('apig:gatewayResponses:create')
  @Answers(201, GatewayResponseView, 'CreateGatewayResponseV2', 'Create the custom responses of an API group', RESPONSE_ERRORS.create)
  create(
    @InInstance() scope: InstanceScope,
    @Param('group_id') groupId: string,
    @Body() input: GatewayResponseInput,
    @CallerOf() caller: Caller,
  ): Promise<GatewayResponseView> {
    return this.responses.create(scope, groupId, input, caller);
  }

  @Get()
  @Allow('apig:gatewayResponses:list')
  @Answers(200, GatewayResponseListView, 'ListGatewayResponsesV2', 'List the responses of an API group, newest first', RESPONSE_ERRORS.list)
  list(@InInstance() scope: InstanceScope, @Param('group_id') groupId: string, @Query() page: Page): Promise<GatewayResponseListView> {
    return this.responses.list(scope, groupId, page);
  }

  @Get(':response_id')
  @Allow('apig:gatewayResponses:get')
  @Answers(200, GatewayResponseView, 'ShowDetailsOfGatewayResponseV2', 'Show the responses for all error types', RESPONSE_ERRORS.get)
  get(@InInstance() scope: InstanceScope, @Param() path: ResponsePath): Promise<GatewayResponseView> {
    return this.responses.get(scope, path);
  }

  @Put(':response_id')
  @BodyLimit(LIST_BYTES)
  @Allow('apig:gatewayResponses:update')
  @Answers(200, GatewayResponseView, 'UpdateGatewayResponseV2', 'Replace the responses for all error types', RESPONSE_ERRORS.update)
  update(
    @InInstance() scope: InstanceScope,
    @Param() path: ResponsePath,
    @Body() input: GatewayResponseInput,
    @CallerOf() caller: Caller,
  ): Promise<GatewayResponseView> {
    return this.responses.update(scope, path, input, caller);
  }

  @Delete(':response_id')
  @Allow('apig:gatewayResponses:delete')
  @Answers(204, undefined, 'DeleteGatewayResponseV2', 'Delete custom responses', RESPONSE_ERRORS.delete)
  delete(@InInstance() scope: InstanceScope, @Param() path: ResponsePath, @CallerOf() caller: Caller): Promise<void> {
    return this.responses.delete(scope, path, caller);
  }

  @Get(':response_id/:response_type')
  @Allow('apig:gatewayResponses:get')
  @Answers(200, ResponsesView, 'ShowDetailsOfGatewayResponseTypeV2', 'Show the response for one error type', RESPONSE_ERRORS.get)
  getType(@InInstance() scope: InstanceScope, @Param() path: ResponseTypePath): Promise<ResponsesView> {
    return this.responses.getType(scope, path);
  }

  @Put(':response_id/:response_type')
  @BodyLimit(LIST_BYTES)
  @Allow('apig:gatewayResponses:update')
  @Answers(200, ResponsesView, 'UpdateGatewayResponseTypeV2', 'Set the response for one error type', RESPONSE_ERRORS.get)
  setType(
    @InInstance() scope: InstanceScope,
    @Param() path: ResponseTypePath,
    @Body() input: ResponseInput,
    @CallerOf() caller: Caller,
  ): Promise<ResponsesView> {
    return this.responses.setType(scope, path, input, caller);
  }

  @Delete(':response_id/:response_type')
  @Allow('apig:gatewayResponses:update')
  @Answers(204, undefined, 'DeleteGatewayResponseTypeV2', 'Reset the response for one error type to the default', RESPONSE_ERRORS.get)
  resetType(@InInstance() scope: InstanceScope, @Param() path: ResponseTypePath, @CallerOf() caller: Caller): Promise<void> {
    return this.responses.resetType(scope, path, caller);
  }
}
