import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiProperty, ApiTags } from '@nestjs/swagger';
import { Allow } from '../../platform/common/access.decorators.js';
import { Answers } from '../../platform/common/answers.js';
import { ApiFault, invalid } from '../../platform/common/api-error.js';
import { InCallersInstance, type InstanceScope } from '../../platform/common/scope.js';
import type { Receipt } from '../../lib/protocol/protocol.js';
import { ReceiptQuery, SignersReceiptView } from '../../platform/receipts/receipt.dto.js';
import { ReceiptExpired, ReceiptsService, ReceiptSuperseded } from '../../platform/receipts/receipts.service.js';
import { ReceiptVerifiersView } from '../verifiers/verifiers.dto.js';
import { VerifiersService } from '../verifiers/verifiers.service.js';

/** Both parts of a receipt: the processes that may still sign with an ended key, and the verifiers that may still accept it. */
export class ReceiptView extends SignersReceiptView implements Receipt {
  @ApiProperty({ type: ReceiptVerifiersView, description: 'Verifiers that may still accept keys that the revision ended' })
  verifiers: ReceiptVerifiersView;
  @ApiProperty({ description: 'True if the receipt is complete and all known verifiers refuse the keys that the revision ended' })
  refused_everywhere: boolean;
}

/** These routes also work for a deleted gateway. */
@ApiTags('Nodes and receipts')
@Controller('/signet/v1/instances/:instance_id/receipts')
export class ReceiptsController {
  constructor(
    private readonly receipts: ReceiptsService,
    private readonly verifiers: VerifiersService,
  ) {}

  @Get(':revision')
  @Allow('signet:receipts:get')
  @Answers(200, ReceiptView, 'ShowReceipt', 'Show which processes have applied a revision', [
    invalid('epoch', { where: 'query' }),
    new ApiFault('not_found'),
    new ReceiptExpired(),
    new ReceiptSuperseded(),
  ])
  async get(
    @InCallersInstance() { projectId, instanceId }: InstanceScope,
    @Param('revision') revision: string,
    @Query() { epoch }: ReceiptQuery,
  ): Promise<ReceiptView> {
    const receipt = await this.receipts.get({ projectId }, { kind: 'instance', id: instanceId }, revision, epoch);
    const verifiers = await this.verifiers.ofReceipt(instanceId, receipt.revision);
    return { ...receipt, verifiers, refused_everywhere: receipt.complete && verifiers.state === 'complete' };
  }
}
