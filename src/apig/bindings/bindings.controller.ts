import { Body, Controller, Delete, Get, Param, Post, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Allow } from '../../platform/common/access.decorators.js';
import { Answers } from '../../platform/common/answers.js';
import { type Caller, CallerOf } from '../../platform/common/principal.js';
import { RECEIPT_HEADERS, WithReceipt } from '../../platform/receipts/with-receipt.js';
import { InInstance, type InstanceScope } from '../../platform/common/scope.js';
import type { Committed } from '../../platform/common/committed.js';
import { atBothPrefixes } from '../instances/gateway-paths.js';
import { ApisOfSignQuery, BindInput, BindView, BoundApisView, BoundSignsView, SignsOfApiQuery, UnboundApisView } from './bindings.dto.js';
import { BINDING_ERRORS } from './bindings.errors.js';
import { BindingsService } from './bindings.service.js';

@ApiTags('Signature key bindings')
@Controller(atBothPrefixes('sign-bindings'))
export class BindingsController {
  constructor(private readonly bindings: BindingsService) {}

  @Post()
  @Allow('apig:apis:bindSigns')
  @Answers(
    201,
    BindView,
    'AssociateSignatureKeyV2',
    'Bind a signature key to published APIs, in place of the keys bound before',
    BINDING_ERRORS.bind,
    RECEIPT_HEADERS,
  )
  @WithReceipt()
  bind(@InInstance() scope: InstanceScope, @Body() input: BindInput, @CallerOf() caller: Caller): Promise<Committed<BindView>> {
    return this.bindings.bind(scope, input, caller);
  }

  @Delete(':sign_bindings_id')
  @Allow('apig:apis:unbindSigns')
  @Answers(
    204,
    undefined,
    'DisassociateSignatureKeyV2',
    'Unbind a signature key from a published API',
    BINDING_ERRORS.unbind,
    RECEIPT_HEADERS,
  )
  @WithReceipt()
  unbind(
    @InInstance() scope: InstanceScope,
    @Param('sign_bindings_id') bindingId: string,
    @CallerOf() caller: Caller,
  ): Promise<Committed<void>> {
    return this.bindings.unbind(scope, bindingId, caller);
  }

  @Get('binded-apis')
  @Allow('apig:signs:listBindedApis')
  @Answers(
    200,
    BoundApisView,
    'ListApisBindedToSignatureKeyV2',
    'List the published APIs to which a signature key is bound',
    BINDING_ERRORS.ofSign,
  )
  boundApis(@InInstance() scope: InstanceScope, @Query() query: ApisOfSignQuery): Promise<BoundApisView> {
    return this.bindings.boundApis(scope, query);
  }

  @Get('unbinded-apis')
  @Allow('apig:signs:listUnbindedApis')
  @Answers(
    200,
    UnboundApisView,
    'ListApisNotBoundWithSignatureKeyV2',
    'List the published APIs to which a signature key is not bound',
    BINDING_ERRORS.ofSign,
  )
  unboundApis(@InInstance() scope: InstanceScope, @Query() query: ApisOfSignQuery): Promise<UnboundApisView> {
    return this.bindings.unboundApis(scope, query);
  }

  @Get('binded-signs')
  @Allow('apig:apis:listBindedSigns')
  @Answers(
    200,
    BoundSignsView,
    'ListSignatureKeysBindedToApiV2',
    'List the signature keys bound to an API, one per environment',
    BINDING_ERRORS.ofApi,
  )
  boundSigns(@InInstance() scope: InstanceScope, @Query() query: SignsOfApiQuery): Promise<BoundSignsView> {
    return this.bindings.boundSigns(scope, query);
  }
}
