import { Body, Controller, Delete, Get, Param, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Allow } from '../../platform/common/access.decorators.js';
import { Answers } from '../../platform/common/answers.js';
import { ApiFault, invalid } from '../../platform/common/api-error.js';
import { ImpactView } from '../../apig/signs/impact.dto.js';
import { type Caller, CallerOf } from '../../platform/common/principal.js';
import { RECEIPT_HEADERS, WithReceipt } from '../../platform/receipts/with-receipt.js';
import { InCallersInstance, type InstanceScope } from '../../platform/common/scope.js';
import type { Committed } from '../../platform/common/committed.js';
import { SignNotFound, SignUnreadable } from '../../apig/signs/signs.errors.js';
import { ImpactService } from '../../apig/signs/impact.service.js';
import { PromotionInput, RetirementInput, RotationInput, RotationView, StagedRotationView } from './rotations.dto.js';
import { RotationsService } from './rotations.service.js';

const NO_SIGN = new SignNotFound('{sign_id}');
const UNREADABLE = new SignUnreadable('{sign_id}');
const NO_ROTATION = [NO_SIGN, new ApiFault('not_found')];

@ApiTags('Rotation and impact')
@Controller('/signet/v1/instances/:instance_id/signs/:sign_id')
export class RotationsController {
  constructor(
    private readonly rotations: RotationsService,
    private readonly impacts: ImpactService,
  ) {}

  @Get('impact')
  @Allow('signet:signs:getImpact')
  @Answers(200, ImpactView, 'ShowSignatureKeyImpact', 'Show what the deletion of the key would affect', [NO_SIGN])
  impact(@InCallersInstance() scope: InstanceScope, @Param('sign_id') signId: string): Promise<ImpactView> {
    return this.impacts.of(scope, signId);
  }

  @Post('rotation')
  @Allow('signet:rotations:create')
  @Answers(
    201,
    StagedRotationView,
    'StageSignatureKeyRotation',
    'Stage a new secret, which verifiers accept in addition to the one that signs',
    [invalid('sign_secret'), NO_SIGN, new ApiFault('conflict'), UNREADABLE],
  )
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
  @Answers(200, RotationView, 'ShowSignatureKeyRotation', 'Show the rotation of a key, and which verifiers have both secrets', NO_ROTATION)
  show(@InCallersInstance() scope: InstanceScope, @Param('sign_id') signId: string): Promise<RotationView> {
    return this.rotations.get(scope, signId);
  }

  @Post('rotation/promote')
  @Allow('signet:rotations:promote')
  @Answers(
    200,
    RotationView,
    'PromoteSignatureKeyRotation',
    'Promote the new secret, now or at a given time: it signs from then on',
    [...NO_ROTATION, new ApiFault('conflict'), UNREADABLE],
    RECEIPT_HEADERS,
  )
  @WithReceipt()
  promote(
    @InCallersInstance() scope: InstanceScope,
    @Param('sign_id') signId: string,
    @Body() input: PromotionInput,
    @CallerOf() caller: Caller,
  ): Promise<Committed<RotationView>> {
    return this.rotations.promote(scope, signId, input, caller);
  }

  @Post('rotation/retire')
  @Allow('signet:rotations:retire')
  @Answers(
    204,
    undefined,
    'RetireSignatureKeyRotation',
    'Retire the secret that does not sign, before its time or without waiting for acknowledgements',
    [...NO_ROTATION, new ApiFault('conflict')],
    RECEIPT_HEADERS,
  )
  @WithReceipt()
  retire(
    @InCallersInstance() scope: InstanceScope,
    @Param('sign_id') signId: string,
    @Body() input: RetirementInput,
    @CallerOf() caller: Caller,
  ): Promise<Committed<void>> {
    return this.rotations.retire(scope, signId, input, caller);
  }

  @Delete('rotation')
  @Allow('signet:rotations:delete')
  @Answers(
    204,
    undefined,
    'CancelSignatureKeyRotation',
    'Undo the last step of a rotation',
    [...NO_ROTATION, new ApiFault('conflict'), UNREADABLE],
    RECEIPT_HEADERS,
  )
  @WithReceipt()
  cancel(
    @InCallersInstance() scope: InstanceScope,
    @Param('sign_id') signId: string,
    @CallerOf() caller: Caller,
  ): Promise<Committed<void>> {
    return this.rotations.cancel(scope, signId, caller);
  }
}
