import { Body, Controller, Delete, Get, Param, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Allow } from '../../platform/common/access.decorators.js';
import { Answers } from '../../platform/common/answers.js';
import { ApiFault, invalid } from '../../platform/common/api-error.js';
import { type Caller, CallerOf } from '../../platform/common/principal.js';
import { InCallersInstance, type InstanceScope } from '../../platform/common/scope.js';
import type { Committed } from '../../platform/common/committed.js';
import { RECEIPT_HEADERS, WithReceipt } from '../../platform/receipts/with-receipt.js';
import { GatewayTokenInput, GatewayTokenListView, GatewayTokenRenewalInput, NewGatewayTokenView } from './gateway-tokens.dto.js';
import { GatewayTokens } from './gateway-tokens.service.js';

@ApiTags('Machine credentials')
@Controller('/signet/v1/instances/:instance_id/gateway-tokens')
export class GatewayTokensController {
  constructor(private readonly tokens: GatewayTokens) {}

  @Post()
  @Allow('signet:gateways:create')
  @Answers(
    201,
    NewGatewayTokenView,
    'CreateGatewayToken',
    'Create a credential for gateway nodes or verifiers; only this response contains its token',
    [invalid('expires_at')],
  )
  create(
    @InCallersInstance() scope: InstanceScope,
    @Body() input: GatewayTokenInput,
    @CallerOf() caller: Caller,
  ): Promise<NewGatewayTokenView> {
    return this.tokens.create(scope, input, caller);
  }

  @Post(':token_id/renew')
  @Allow('signet:gateways:renew')
  @Answers(201, NewGatewayTokenView, 'RenewGatewayToken', 'Replace a credential by a new one; the old one ends after an overlap', [
    invalid('expires_at'),
    new ApiFault('not_found'),
    new ApiFault('conflict'),
  ])
  renew(
    @InCallersInstance() scope: InstanceScope,
    @Param('token_id') tokenId: string,
    @Body() input: GatewayTokenRenewalInput,
    @CallerOf() caller: Caller,
  ): Promise<NewGatewayTokenView> {
    return this.tokens.renew(scope, tokenId, input, caller);
  }

  @Get()
  @Allow('signet:gateways:list')
  @Answers(200, GatewayTokenListView, 'ListGatewayTokens', 'List the credentials of gateway nodes and verifiers, newest first')
  list(@InCallersInstance() scope: InstanceScope): Promise<GatewayTokenListView> {
    return this.tokens.list(scope);
  }

  @Delete(':token_id')
  @Allow('signet:gateways:delete')
  @Answers(204, undefined, 'DeleteGatewayToken', 'Revoke a credential', [new ApiFault('not_found')], RECEIPT_HEADERS)
  @WithReceipt()
  revoke(
    @InCallersInstance() scope: InstanceScope,
    @Param('token_id') tokenId: string,
    @CallerOf() caller: Caller,
  ): Promise<Committed<void>> {
    return this.tokens.revoke(scope, tokenId, caller);
  }
}
