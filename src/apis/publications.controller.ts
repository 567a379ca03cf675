import { Body, Controller, HttpCode, Post, Query } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { AllowOneOf } from '../common/access.js';
import { type Caller, CallerOf } from '../common/principal.js';
import { InInstance, type InstanceScope } from '../common/scope.js';
import { BatchPublishInput, BatchPublishQuery, type BatchPublishView, PublishInput, type PublishView } from './publications.dto.js';
import { PublicationsService } from './publications.service.js';

const ACTIONS = ['apig:apis:publish', 'apig:apis:offline'];
const actionOf = (holder: unknown) =>
  (holder as { action?: unknown } | undefined)?.action === 'offline' ? 'apig:apis:offline' : 'apig:apis:publish';

@Controller('/v2/:project_id/apigw/instances/:instance_id/apis')
export class PublicationsController {
  constructor(private readonly publications: PublicationsService) {}

  @Post('action')
  @AllowOneOf(ACTIONS, (request: FastifyRequest) => actionOf(request.body))
  publish(@InInstance() scope: InstanceScope, @Body() input: PublishInput, @CallerOf() caller: Caller): Promise<PublishView> {
    return this.publications.publish(scope, input, caller);
  }

  @Post('publish')
  @HttpCode(200)
  @AllowOneOf(ACTIONS, (request: FastifyRequest) => actionOf(request.query))
  publishAll(
    @InInstance() scope: InstanceScope,
    @Query() query: BatchPublishQuery,
    @Body() input: BatchPublishInput,
    @CallerOf() caller: Caller,
  ): Promise<BatchPublishView> {
    return this.publications.publishAll(scope, query.action, input, caller);
  }
}
