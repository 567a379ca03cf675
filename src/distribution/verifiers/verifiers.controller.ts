import { Controller, Delete, Get, Param } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Allow } from '../../platform/common/access.decorators.js';
import { Answers } from '../../platform/common/answers.js';
import { ApiFault } from '../../platform/common/api-error.js';
import { type Caller, CallerOf } from '../../platform/common/principal.js';
import { InCallersInstance, type InstanceScope } from '../../platform/common/scope.js';
import { VerifierListView } from './verifiers.dto.js';
import { VerifiersService } from './verifiers.service.js';

/** Lists the verifiers of a gateway, and lets operators vouch for them. */
@ApiTags('Nodes and receipts')
@Controller('/signet/v1/instances/:instance_id/verifiers')
export class VerifiersController {
  constructor(private readonly verifiers: VerifiersService) {}

  @Get()
  @Allow('signet:verifiers:list')
  @Answers(200, VerifierListView, 'ListVerifiers', 'List the processes that have asked for the keys of a gateway')
  list(@InCallersInstance() scope: InstanceScope): Promise<VerifierListView> {
    return this.verifiers.list(scope);
  }

  @Delete(':verifier_id')
  @Allow('signet:verifiers:delete')
  @Answers(204, undefined, 'VouchForVerifier', 'Vouch that a verifier does not accept any ended keys any more', [
    new ApiFault('not_found'),
    new ApiFault('conflict'),
  ])
  vouch(@InCallersInstance() scope: InstanceScope, @Param('verifier_id') verifierId: string, @CallerOf() caller: Caller): Promise<void> {
    return this.verifiers.vouch(scope, verifierId, caller);
  }
}
