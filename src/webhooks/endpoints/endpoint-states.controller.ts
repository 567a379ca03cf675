import { Body, Controller, Get, Param, Patch } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { ForProject } from '../../platform/common/access.decorators.js';
import { Answers } from '../../platform/common/answers.js';
import { type Caller, CallerOf } from '../../platform/common/principal.js';
import { InCallersProject, type ProjectScope } from '../../platform/common/scope.js';
import { EndpointStatesService } from './endpoint-states.service.js';
import { EndpointStatePatch, EndpointStateView } from './endpoints.dto.js';
import { ENDPOINT_ERRORS } from './endpoints.errors.js';

/** Delivery state and event subscriptions of an endpoint; not part of the contract. */
@ApiTags('Webhook endpoints')
@Controller('/signet/v1/endpoints')
export class EndpointStatesController {
  constructor(private readonly states: EndpointStatesService) {}

  @Get(':id')
  @ForProject('webhooks:endpoints:get')
  @Answers(
    200,
    EndpointStateView,
    'ShowEndpointState',
    'Show since when deliveries to an endpoint fail, and why the endpoint was disabled',
    ENDPOINT_ERRORS.one,
  )
  show(@InCallersProject() scope: ProjectScope, @Param('id') endpointId: string): Promise<EndpointStateView> {
    return this.states.show({ ...scope, endpointId });
  }

  @Patch(':id')
  @ForProject('webhooks:endpoints:update')
  @Answers(200, EndpointStateView, 'UpdateEndpointEvents', 'Replace the event subscriptions of an endpoint', ENDPOINT_ERRORS.events)
  setEvents(
    @InCallersProject() scope: ProjectScope,
    @Param('id') endpointId: string,
    @Body() patch: EndpointStatePatch,
    @CallerOf() caller: Caller,
  ): Promise<EndpointStateView> {
    return this.states.setEvents({ ...scope, endpointId }, patch, caller);
  }
}
