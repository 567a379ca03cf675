import { Body, Controller, Post, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { AllowOneOf } from '../common/access.js';
import { Answers } from '../common/answers.js';
import { type Caller, CallerOf } from '../common/principal.js';
import { InInstance, type InstanceScope } from '../common/scope.js';
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
  )
  publish(@InInstance() scope: InstanceScope, @Body() input: PublishInput, @CallerOf() caller: Caller): Promise<PublishView> {
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
  )
  publishAll(
    @InInstance() scope: InstanceScope,
    @Query() query: BatchPublishQuery,
    @Body() input: BatchPublishInput,
    @CallerOf() caller: Caller,
  ): Promise<BatchPublishView> {
    return this.publications.publishAll(scope, query.action, input, caller);
  }
}
