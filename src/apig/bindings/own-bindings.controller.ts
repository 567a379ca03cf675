import { Body, Controller, Delete, Get, Param, Post, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Allow } from '../../platform/common/access.decorators.js';
import { Answers } from '../../platform/common/answers.js';
import { type Caller, CallerOf } from '../../platform/common/principal.js';
import { RECEIPT_HEADERS, WithReceipt } from '../../platform/receipts/with-receipt.js';
import { InCallersInstance, type InstanceScope } from '../../platform/common/scope.js';
import type { Committed } from '../../platform/common/committed.js';
import { ApisOfSignQuery, BindInput, BoundApisView, OwnBindView } from './bindings.dto.js';
import { BINDING_ERRORS } from './bindings.errors.js';
import { BindingsService } from './bindings.service.js';

/** Bindings of keys of all types, including those outside the contract. */
@ApiTags('Signature key bindings')
@Controller('/signet/v1/instances/:instance_id/sign-bindings')
export class OwnBindingsController {
  constructor(private readonly bindings: BindingsService) {}

  @Post()
  @Allow('signet:signBindings:create')
  @Answers(
    201,
    OwnBindView,
    'BindSignatureKey',
    'Bind a signature key of any type to published APIs, in place of the keys bound before',
    BINDING_ERRORS.bind,
    RECEIPT_HEADERS,
  )
  @WithReceipt()
  bind(@InCallersInstance() scope: InstanceScope, @Body() input: BindInput, @CallerOf() caller: Caller): Promise<Committed<OwnBindView>> {
    return this.bindings.bind(scope, input, caller, 'own');
  }

  @Delete(':sign_bindings_id')
  @Allow('signet:signBindings:delete')
  @Answers(
    204,
    undefined,
    'UnbindSignatureKey',
    'Unbind a signature key of any type from a published API',
    BINDING_ERRORS.unbind,
    RECEIPT_HEADERS,
  )
  @WithReceipt()
  unbind(
    @InCallersInstance() scope: InstanceScope,
    @Param('sign_bindings_id') bindingId: string,
    @CallerOf() caller: Caller,
  ): Promise<Committed<void>> {
    return this.bindings.unbind(scope, bindingId, caller, 'own');
  }

  @Get()
  @Allow('signet:signBindings:list')
  @Answers(
    200,
    BoundApisView,
    'ListSignatureKeyBindings',
    'List the published APIs to which a signature key of any type is bound',
    BINDING_ERRORS.ofSign,
  )
  boundApis(@InCallersInstance() scope: InstanceScope, @Query() query: ApisOfSignQuery): Promise<BoundApisView> {
    return this.bindings.boundApis(scope, query, 'own');
  }
}
