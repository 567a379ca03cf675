import { Controller, Param, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Allow } from '../common/access.js';
import { Answers } from '../common/answers.js';
import { type Caller, CallerOf } from '../common/principal.js';
import { InCallersInstance, type InstanceScope } from '../common/scope.js';
import { RevealedSignView } from './reveals.dto.js';
import { RevealsService } from './reveals.service.js';
import { SignNotFound } from './signs.errors.js';

@ApiTags('Signature keys')
@Controller('/signet/v1/instances/:instance_id/signs/:sign_id/reveal')
export class RevealsController {
  constructor(private readonly reveals: RevealsService) {}

  @Post()
  @Allow('signet:signs:reveal')
  @Answers(200, RevealedSignView, 'RevealSignatureKey', 'Show the secret of a key; who asked stands in the audit trail', [
    new SignNotFound('{sign_id}'),
  ])
  reveal(
    @InCallersInstance() scope: InstanceScope,
    @Param('sign_id') signId: string,
    @CallerOf() caller: Caller,
  ): Promise<RevealedSignView> {
    return this.reveals.reveal(scope, signId, caller);
  }
}
