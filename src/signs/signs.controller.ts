import { Body, Controller, Delete, Get, HttpCode, Param, Post, Put, Query } from '@nestjs/common';
import { Allow } from '../common/access.js';
import { type Caller, CallerOf } from '../common/principal.js';
import { InInstance, type InstanceScope } from '../common/scope.js';
import { SignInput, type SignListView, SignQuery, type SignView } from './signs.dto.js';
import { SignsService } from './signs.service.js';

@Controller('/v2/:project_id/apigw/instances/:instance_id/signs')
export class SignsController {
  constructor(private readonly signs: SignsService) {}

  @Post()
  @Allow('apig:signs:create')
  create(@InInstance() scope: InstanceScope, @Body() input: SignInput, @CallerOf() caller: Caller): Promise<SignView> {
    return this.signs.create(scope, input, caller);
  }

  @Put(':sign_id')
  @Allow('apig:signs:update')
  update(
    @InInstance() scope: InstanceScope,
    @Param('sign_id') signId: string,
    @Body() input: SignInput,
    @CallerOf() caller: Caller,
  ): Promise<SignView> {
    return this.signs.update(scope, signId, input, caller);
  }

  @Delete(':sign_id')
  @HttpCode(204)
  @Allow('apig:signs:delete')
  delete(@InInstance() scope: InstanceScope, @Param('sign_id') signId: string, @CallerOf() caller: Caller): Promise<void> {
    return this.signs.delete(scope, signId, caller);
  }

  @Get()
  @Allow('apig:signs:list')
  list(@InInstance() scope: InstanceScope, @Query() query: SignQuery): Promise<SignListView> {
    return this.signs.list(scope, query);
  }
}
