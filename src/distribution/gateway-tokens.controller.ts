import { Body, Controller, Delete, Get, Param, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Allow } from '../common/access.js';
import { Answers } from '../common/answers.js';
import { Fault } from '../common/api-error.js';
import { type Caller, CallerOf } from '../common/principal.js';
import { InCallersInstance, type InstanceScope } from '../common/scope.js';
import { GatewayTokenInput, GatewayTokenListView, NewGatewayTokenView } from './gateway-tokens.dto.js';
import { GatewayTokens } from './gateway-tokens.service.js';

@ApiTags('Machine credentials')
@Controller('/signet/v1/instances/:instance_id/gateway-tokens')
export class GatewayTokensController {
  constructor(private readonly tokens: GatewayTokens) {}

  @Post()
  @Allow('signet:gateways:create')
  @Answers(201, NewGatewayTokenView, 'CreateGatewayToken', 'Make a credential for gateways or verifiers; its token is shown once')
  create(
    @InCallersInstance() scope: InstanceScope,
    @Body() input: GatewayTokenInput,
    @CallerOf() caller: Caller,
  ): Promise<NewGatewayTokenView> {
    return this.tokens.create(scope, input, caller);
  }

  @Get()
  @Allow('signet:gateways:list')
  @Answers(200, GatewayTokenListView, 'ListGatewayTokens', 'List the credentials of gateways and verifiers, newest first')
  list(@InCallersInstance() scope: InstanceScope): Promise<GatewayTokenListView> {
    return this.tokens.list(scope);
  }

  @Delete(':token_id')
  @Allow('signet:gateways:delete')
  @Answers(204, undefined, 'DeleteGatewayToken', 'Revoke a credential', [new Fault('not_found')])
  revoke(@InCallersInstance() scope: InstanceScope, @Param('token_id') tokenId: string, @CallerOf() caller: Caller): Promise<void> {
    return this.tokens.revoke(scope, tokenId, caller);
  }
}
