import { Body, Controller, Post, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { AllowOneOf } from '../../platform/common/access.decorators.js';
import { Answers } from '../../platform/common/answers.js';
import { type Caller, CallerOf } from '../../platform/common/principal.js';
import { RECEIPT_HEADERS, WithReceipt } from '../../platform/receipts/with-receipt.js';
import { InInstance, type InstanceScope } from '../../platform/common/scope.js';
import type { Committed } from '../../platform/common/committed.js';
import { PUBLICATION_ERRORS } from './apis.answers.js';
import { BatchPublishInput, BatchPublishQuery, BatchPublishView, PublishInput, PublishView } from './publications.dto.js';
import { PublicationsService } from './publications.service.js';

const ACTIONS = ['apig:apis:publish', 'apig:apis:offline'];
const actionOf = (holder: unknown) =>
  (holder as { action?: unknown } | undefined)?.action === 'offline' ? 'apig:apis:offline' : 'apig:apis:publish';

@ApiTags('Publication')
@Controller('/v2/:project_id/apigw/instances/:instance_id/apis')
export class PublicationsController {
  constructor(private readonly publications: PublicationsService) {}

  @Post('action')
  @AllowOneOf(ACTIONS, (request: FastifyRequest) => actionOf(request.body))
  @Answers(
    201,
    PublishView,
    'CreateOrDeletePublishRecordForApiV2',
    'Publish an API in an environment, or take it offline',
    PUBLICATION_ERRORS.publish,
    RECEIPT_HEADERS,
  )
  @WithReceipt()
  publish(@InInstance() scope: InstanceScope, @Body() input: PublishInput, @CallerOf() caller: Caller): Promise<Committed<PublishView>> {
    return this.publications.publish(scope, input, caller);
  }

  @Post('publish')
  @AllowOneOf(ACTIONS, (request: FastifyRequest) => actionOf(request.query))
  @Answers(
    200,
    BatchPublishView,
    'BatchPublishOrOfflineApiV2',
    'Publish APIs in an environment, or take them offline',
    PUBLICATION_ERRORS.publishAll,
    RECEIPT_HEADERS,
  )
  @WithReceipt()
  publishAll(
    @InInstance() scope: InstanceScope,
    @Query() query: BatchPublishQuery,
    @Body() input: BatchPublishInput,
    @CallerOf() caller: Caller,
  ): Promise<Committed<BatchPublishView>> {
    return this.publications.publishAll(scope, query.action, input, caller);
  }
}
