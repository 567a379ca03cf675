import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { ForProject } from '../../platform/common/access.decorators.js';
import { Answers } from '../../platform/common/answers.js';
import { ApiFault, invalid } from '../../platform/common/api-error.js';
import { InCallersProject, type ProjectScope } from '../../platform/common/scope.js';
import { ReceiptExpired, ReceiptSuperseded } from '../../platform/receipts/receipts.service.js';
import { ReceiptQuery } from '../../platform/receipts/receipt.dto.js';
import { EndpointReceiptView } from './endpoint-receipts.dto.js';
import { EndpointReceipts } from './endpoint-receipts.service.js';
import { ENDPOINT_ERRORS } from './endpoints.errors.js';

@ApiTags('Webhook endpoints')
@Controller('/signet/v1/endpoints/:id/receipts')
export class EndpointReceiptsController {
  constructor(private readonly receipts: EndpointReceipts) {}

  @Get(':revision')
  @ForProject('webhooks:endpoints:get')
  @Answers(
    200,
    EndpointReceiptView,
    'ShowEndpointReceipt',
    'Show which processes may still deliver with the state before a write of an endpoint',
    [
      ...ENDPOINT_ERRORS.one,
      invalid('epoch', { where: 'query' }),
      new ApiFault('not_found'),
      new ReceiptExpired(),
      new ReceiptSuperseded(),
    ],
  )
  get(
    @InCallersProject() scope: ProjectScope,
    @Param('id') endpointId: string,
    @Param('revision') revision: string,
    @Query() { epoch }: ReceiptQuery,
  ): Promise<EndpointReceiptView> {
    return this.receipts.get({ ...scope, endpointId }, revision, epoch);
  }
}
