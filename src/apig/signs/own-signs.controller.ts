import { Body, Controller, Delete, Get, Param, Post, Put, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Allow } from '../../platform/common/access.decorators.js';
import { Answers } from '../../platform/common/answers.js';
import { type Caller, CallerOf } from '../../platform/common/principal.js';
import { RECEIPT_HEADERS, WithReceipt } from '../../platform/receipts/with-receipt.js';
import { InCallersInstance, type InstanceScope } from '../../platform/common/scope.js';
import type { Committed } from '../../platform/common/committed.js';
import { OwnSignInput, OwnSignListView, OwnSignView, SignQuery } from './signs.dto.js';
import { SIGN_ERRORS } from './signs.errors.js';
import { SignsService } from './signs.service.js';

/** The same operations as on `/v2`, for all types of keys. */
@ApiTags('Signature keys')
@Controller('/signet/v1/instances/:instance_id/signs')
export class OwnSignsController {
  constructor(private readonly signs: SignsService) {}

  @Post()
  @Allow('signet:signs:create')
  @Answers(201, OwnSignView, 'CreateSignatureKey', 'Create a signature key of any type', SIGN_ERRORS.create)
  create(@InCallersInstance() scope: InstanceScope, @Body() input: OwnSignInput, @CallerOf() caller: Caller): Promise<OwnSignView> {
    return this.signs.create(scope, input, caller);
  }

  @Put(':sign_id')
  @Allow('signet:signs:update')
  @Answers(200, OwnSignView, 'UpdateSignatureKey', 'Modify a signature key of any type', SIGN_ERRORS.update, RECEIPT_HEADERS)
  @WithReceipt()
  update(
    @InCallersInstance() scope: InstanceScope,
    @Param('sign_id') signId: string,
    @Body() input: OwnSignInput,
    @CallerOf() caller: Caller,
  ): Promise<Committed<OwnSignView>> {
    return this.signs.update(scope, signId, input, caller, 'own');
  }

  @Delete(':sign_id')
  @Allow('signet:signs:delete')
  @Answers(
    204,
    undefined,
    'DeleteSignatureKey',
    'Delete a signature key of any type, and detach it from every API',
    SIGN_ERRORS.delete,
    RECEIPT_HEADERS,
  )
  @WithReceipt()
  delete(
    @InCallersInstance() scope: InstanceScope,
    @Param('sign_id') signId: string,
    @CallerOf() caller: Caller,
  ): Promise<Committed<void>> {
    return this.signs.delete(scope, signId, caller, 'own');
  }

  @Get()
  @Allow('signet:signs:list')
  @Answers(200, OwnSignListView, 'ListSignatureKeys', 'List signature keys of all types, newest first')
  list(@InCallersInstance() scope: InstanceScope, @Query() query: SignQuery): Promise<OwnSignListView> {
    return this.signs.list(scope, query, 'own');
  }
}
