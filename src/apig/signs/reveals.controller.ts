import { Controller, Param, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Allow } from '../../platform/common/access.decorators.js';
import { Answers } from '../../platform/common/answers.js';
import { type Caller, CallerOf } from '../../platform/common/principal.js';
import { InCallersInstance, type InstanceScope } from '../../platform/common/scope.js';
import { RevealedSignView } from './reveals.dto.js';
import { RevealsService } from './reveals.service.js';
import { SignNotFound, SignUnreadable } from './signs.errors.js';

@ApiTags('Signature keys')
@Controller('/signet/v1/instances/:instance_id/signs/:sign_id/reveal')
export class RevealsController {
  constructor(private readonly reveals: RevealsService) {}

  @Post()
  @Allow('signet:signs:reveal')
  @Answers(200, RevealedSignView, 'RevealSignatureKey', 'Show the secret of a key; the audit trail records the caller', [
    new SignNotFound('{sign_id}'),
    new SignUnreadable('{sign_id}'),
  ])
  reveal(
    @InCallersInstance() scope: InstanceScope,
    @Param('sign_id') signId: string,
    @CallerOf() caller: Caller,
  ): Promise<RevealedSignView> {
    return this.reveals.reveal(scope, signId, caller);
  }
}
