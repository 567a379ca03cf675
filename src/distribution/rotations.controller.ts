import { Body, Controller, Delete, Get, Param, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Allow } from '../common/access.js';
import { Answers } from '../common/answers.js';
import { Fault, invalid } from '../common/api-error.js';
import { ImpactView } from '../common/impact.js';
import { type Caller, CallerOf } from '../common/principal.js';
import { RECEIPT_HEADERS, Receipted } from '../common/receipted.js';
import { InCallersInstance, type InstanceScope } from '../common/scope.js';
import type { Written } from '../common/written.js';
import { SignNotFound } from '../signs/signs.errors.js';
import { ImpactService } from './impact.service.js';
import { PromotionInput, RotationInput, RotationView, StagedRotationView } from './rotations.dto.js';
import { RotationsService } from './rotations.service.js';

const NO_SIGN = new SignNotFound('{sign_id}');
const NO_ROTATION = [NO_SIGN, new Fault('not_found')];

@ApiTags('Rotation and impact')
@Controller('/signet/v1/instances/:instance_id/signs/:sign_id')
export class RotationsController {
  constructor(
    private readonly rotations: RotationsService,
    private readonly impacts: ImpactService,
  ) {}

  @Get('impact')
  @Allow('signet:signs:getImpact')
  @Answers(200, ImpactView, 'ShowSignatureKeyImpact', 'Tell who would feel it if the key were deleted', [NO_SIGN])
  impact(@InCallersInstance() scope: InstanceScope, @Param('sign_id') signId: string): Promise<ImpactView> {
    return this.impacts.of(scope, signId);
  }

  @Post('rotation')
  @Allow('signet:rotations:create')
  @Answers(201, StagedRotationView, 'StageSignatureKeyRotation', 'Give verifiers a new secret beside the one that signs', [
    invalid('sign_secret'),
    NO_SIGN,
    new Fault('conflict'),
  ])
  stage(
    @InCallersInstance() scope: InstanceScope,
    @Param('sign_id') signId: string,
    @Body() input: RotationInput,
    @CallerOf() caller: Caller,
  ): Promise<StagedRotationView> {
    return this.rotations.stage(scope, signId, input, caller);
  }

  @Get('rotation')
  @Allow('signet:rotations:get')
  @Answers(200, RotationView, 'ShowSignatureKeyRotation', 'Show the rotation of a key, and which verifiers hold both secrets', NO_ROTATION)
  show(@InCallersInstance() scope: InstanceScope, @Param('sign_id') signId: string): Promise<RotationView> {
    return this.rotations.get(scope, signId);
  }

  @Post('rotation/promote')
  @Allow('signet:rotations:promote')
  @Answers(
    200,
    RotationView,
    'PromoteSignatureKeyRotation',
    'Sign with the new secret, now or at a time',
    [...NO_ROTATION, new Fault('conflict')],
    RECEIPT_HEADERS,
  )
  @Receipted()
  promote(
    @InCallersInstance() scope: InstanceScope,
    @Param('sign_id') signId: string,
    @Body() input: PromotionInput,
    @CallerOf() caller: Caller,
  ): Promise<Written<RotationView>> {
    return this.rotations.promote(scope, signId, input, caller);
  }

  @Delete('rotation')
  @Allow('signet:rotations:delete')
  @Answers(204, undefined, 'CancelSignatureKeyRotation', 'Take the last step of a rotation back', NO_ROTATION, RECEIPT_HEADERS)
  @Receipted()
  cancel(@InCallersInstance() scope: InstanceScope, @Param('sign_id') signId: string, @CallerOf() caller: Caller): Promise<Written<void>> {
    return this.rotations.cancel(scope, signId, caller);
  }
}
