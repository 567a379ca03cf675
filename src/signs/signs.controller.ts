import { Body, Controller, Delete, Get, Param, Post, Put, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Allow } from '../common/access.js';
import { Answers } from '../common/answers.js';
import { CanDryRun } from '../common/dry-run.js';
import { type Caller, CallerOf } from '../common/principal.js';
import { RECEIPT_HEADERS, Receipted } from '../common/receipted.js';
import { InInstance, type InstanceScope } from '../common/scope.js';
import type { Written } from '../common/written.js';
import { SignInput, SignListView, SignQuery, SignView } from './signs.dto.js';
import { SIGN_ERRORS } from './signs.errors.js';
import { SignsService } from './signs.service.js';

@ApiTags('Signature keys')
@Controller('/v2/:project_id/apigw/instances/:instance_id/signs')
export class SignsController {
  constructor(private readonly signs: SignsService) {}

  @Post()
  @Allow('apig:signs:create')
  @Answers(201, SignView, 'CreateSignatureKeyV2', 'Create a signature key', SIGN_ERRORS.create)
  create(@InInstance() scope: InstanceScope, @Body() input: SignInput, @CallerOf() caller: Caller): Promise<SignView> {
    return this.signs.create(scope, input, caller);
  }

  @Put(':sign_id')
  @Allow('apig:signs:update')
  @Answers(200, SignView, 'UpdateSignatureKeyV2', 'Modify a signature key', SIGN_ERRORS.update, RECEIPT_HEADERS)
  @Receipted()
  update(
    @InInstance() scope: InstanceScope,
    @Param('sign_id') signId: string,
    @Body() input: SignInput,
    @CallerOf() caller: Caller,
  ): Promise<Written<SignView>> {
    return this.signs.update(scope, signId, input, caller);
  }

  @Delete(':sign_id')
  @Allow('apig:signs:delete')
  @Answers(
    204,
    undefined,
    'DeleteSignatureKeyV2',
    'Delete a signature key and detach it from every API',
    SIGN_ERRORS.delete,
    RECEIPT_HEADERS,
  )
  @CanDryRun()
  @Receipted()
  delete(@InInstance() scope: InstanceScope, @Param('sign_id') signId: string, @CallerOf() caller: Caller): Promise<Written<void>> {
    return this.signs.delete(scope, signId, caller);
  }

  @Get()
  @Allow('apig:signs:list')
  @Answers(200, SignListView, 'ListSignatureKeysV2', 'List signature keys, newest first')
  list(@InInstance() scope: InstanceScope, @Query() query: SignQuery): Promise<SignListView> {
    return this.signs.list(scope, query);
  }
}
