import { Body, Controller, Delete, Get, Param, Post, Put, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Allow } from '../../platform/common/access.decorators.js';
import { Answers } from '../../platform/common/answers.js';
import { type Caller, CallerOf } from '../../platform/common/principal.js';
import { RECEIPT_HEADERS, WithReceipt } from '../../platform/receipts/with-receipt.js';
import { InInstance, type InstanceScope } from '../../platform/common/scope.js';
import type { Committed } from '../../platform/common/committed.js';
import { atBothPrefixes } from '../instances/gateway-paths.js';
import { CanDryRun } from './dry-run.js';
import { SignInput, SignListView, SignQuery, SignView } from './signs.dto.js';
import { SIGN_ERRORS } from './signs.errors.js';
import { SignsService } from './signs.service.js';

@ApiTags('Signature keys')
@Controller(atBothPrefixes('signs'))
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
  @WithReceipt()
  update(
    @InInstance() scope: InstanceScope,
    @Param('sign_id') signId: string,
    @Body() input: SignInput,
    @CallerOf() caller: Caller,
  ): Promise<Committed<SignView>> {
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
  @WithReceipt()
  delete(@InInstance() scope: InstanceScope, @Param('sign_id') signId: string, @CallerOf() caller: Caller): Promise<Committed<void>> {
    return this.signs.delete(scope, signId, caller);
  }

  @Get()
  @Allow('apig:signs:list')
  @Answers(200, SignListView, 'ListSignatureKeysV2', 'List signature keys, newest first')
  list(@InInstance() scope: InstanceScope, @Query() query: SignQuery): Promise<SignListView> {
    return this.signs.list(scope, query);
  }
}
