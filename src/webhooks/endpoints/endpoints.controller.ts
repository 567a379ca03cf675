import { Body, Controller, Delete, Get, Param, Patch, Post, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { ForProject } from '../../platform/common/access.decorators.js';
import { AnswersEnvelope, DeletedView, type Enveloped } from '../../platform/common/envelope.js';
import { type Caller, CallerOf } from '../../platform/common/principal.js';
import { InCallersProject, type ProjectScope } from '../../platform/common/scope.js';
import type { Committed } from '../../platform/common/committed.js';
import { RECEIPT_HEADERS, WithReceipt } from '../../platform/receipts/with-receipt.js';
import {
  EndpointInput,
  ListedWebhookEndpointView,
  EndpointPatch,
  EndpointQuery,
  WebhookEndpointView,
  NewWebhookEndpointView,
  PausedWebhookEndpointView,
  ResumedWebhookEndpointView,
  UpdatedWebhookEndpointView,
} from './endpoints.dto.js';
import { ENDPOINT_ERRORS } from './endpoints.errors.js';
import { EndpointsService } from './endpoints.service.js';

@ApiTags('Webhook endpoints')
@Controller('/v1/endpoints')
export class EndpointsController {
  constructor(private readonly endpoints: EndpointsService) {}

  @Post()
  @ForProject('webhooks:endpoints:create')
  @AnswersEnvelope(201, NewWebhookEndpointView, 'CreateEndpoint', 'Create an endpoint with its first signing key', ENDPOINT_ERRORS.create)
  create(
    @InCallersProject() scope: ProjectScope,
    @Body() input: EndpointInput,
    @CallerOf() caller: Caller,
  ): Promise<NewWebhookEndpointView> {
    return this.endpoints.create(scope, input, caller);
  }

  @Get()
  @ForProject('webhooks:endpoints:list')
  @AnswersEnvelope(200, ListedWebhookEndpointView, 'ListEndpoints', 'List endpoints, newest first', [], { of: 'page' })
  list(@InCallersProject() scope: ProjectScope, @Query() query: EndpointQuery): Promise<Enveloped<ListedWebhookEndpointView[]>> {
    return this.endpoints.list(scope, query);
  }

  @Get(':id')
  @ForProject('webhooks:endpoints:get')
  @AnswersEnvelope(200, WebhookEndpointView, 'GetEndpoint', 'Show an endpoint', ENDPOINT_ERRORS.show)
  show(@InCallersProject() scope: ProjectScope, @Param('id') endpointId: string): Promise<WebhookEndpointView> {
    return this.endpoints.show({ ...scope, endpointId });
  }

  @Patch(':id')
  @ForProject('webhooks:endpoints:update')
  @AnswersEnvelope(200, UpdatedWebhookEndpointView, 'UpdateEndpoint', 'Change an endpoint', ENDPOINT_ERRORS.update, RECEIPT_HEADERS)
  @WithReceipt()
  update(
    @InCallersProject() scope: ProjectScope,
    @Param('id') endpointId: string,
    @Body() patch: EndpointPatch,
    @CallerOf() caller: Caller,
  ): Promise<Committed<UpdatedWebhookEndpointView>> {
    return this.endpoints.update({ ...scope, endpointId }, patch, caller);
  }

  @Delete(':id')
  @ForProject('webhooks:endpoints:delete')
  @AnswersEnvelope(
    200,
    DeletedView,
    'DeleteEndpoint',
    'Delete an endpoint; waiting messages fail permanently',
    ENDPOINT_ERRORS.one,
    RECEIPT_HEADERS,
  )
  @WithReceipt()
  async delete(
    @InCallersProject() scope: ProjectScope,
    @Param('id') endpointId: string,
    @CallerOf() caller: Caller,
  ): Promise<Committed<DeletedView>> {
    return (await this.endpoints.delete({ ...scope, endpointId }, caller)).with({ deleted: true });
  }

  @Post(':id/pause')
  @ForProject('webhooks:endpoints:pause')
  @AnswersEnvelope(
    200,
    PausedWebhookEndpointView,
    'PauseEndpoint',
    'Stop the deliveries of an endpoint; messages are still accepted and stored',
    ENDPOINT_ERRORS.one,
    RECEIPT_HEADERS,
  )
  @WithReceipt()
  pause(
    @InCallersProject() scope: ProjectScope,
    @Param('id') endpointId: string,
    @CallerOf() caller: Caller,
  ): Promise<Committed<PausedWebhookEndpointView>> {
    return this.endpoints.pause({ ...scope, endpointId }, caller);
  }

  @Post(':id/resume')
  @ForProject('webhooks:endpoints:resume')
  @AnswersEnvelope(
    200,
    ResumedWebhookEndpointView,
    'ResumeEndpoint',
    'Resume the deliveries of an endpoint, beginning with stored messages',
    ENDPOINT_ERRORS.one,
  )
  resume(
    @InCallersProject() scope: ProjectScope,
    @Param('id') endpointId: string,
    @CallerOf() caller: Caller,
  ): Promise<ResumedWebhookEndpointView> {
    return this.endpoints.resume({ ...scope, endpointId }, caller);
  }
}
