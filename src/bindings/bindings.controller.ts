import { Body, Controller, Delete, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { Allow } from '../common/access.js';
import { type Caller, CallerOf } from '../common/principal.js';
import { InInstance, type InstanceScope } from '../common/scope.js';
import {
  ApisOfSignQuery,
  BindInput,
  type BindView,
  type BoundApisView,
  type BoundSignsView,
  SignsOfApiQuery,
  type UnboundApisView,
} from './bindings.dto.js';
import { BindingsService } from './bindings.service.js';

@Controller('/v2/:project_id/apigw/instances/:instance_id/sign-bindings')
export class BindingsController {
  constructor(private readonly bindings: BindingsService) {}

  @Post()
  @Allow('apig:apis:bindSigns')
  bind(@InInstance() scope: InstanceScope, @Body() input: BindInput, @CallerOf() caller: Caller): Promise<BindView> {
    return this.bindings.bind(scope, input, caller);
  }

  @Delete(':sign_bindings_id')
  @HttpCode(204)
  @Allow('apig:apis:unbindSigns')
  unbind(@InInstance() scope: InstanceScope, @Param('sign_bindings_id') bindingId: string, @CallerOf() caller: Caller): Promise<void> {
    return this.bindings.unbind(scope, bindingId, caller);
  }

  @Get('binded-apis')
  @Allow('apig:signs:listBindedApis')
  boundApis(@InInstance() scope: InstanceScope, @Query() query: ApisOfSignQuery): Promise<BoundApisView> {
    return this.bindings.boundApis(scope, query);
  }

  @Get('unbinded-apis')
  @Allow('apig:signs:listUnbindedApis')
  unboundApis(@InInstance() scope: InstanceScope, @Query() query: ApisOfSignQuery): Promise<UnboundApisView> {
    return this.bindings.unboundApis(scope, query);
  }

  @Get('binded-signs')
  @Allow('apig:apis:listBindedSigns')
  boundSigns(@InInstance() scope: InstanceScope, @Query() query: SignsOfApiQuery): Promise<BoundSignsView> {
    return this.bindings.boundSigns(scope, query);
  }
}
