import { Body, Controller, Get, Param, Post, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { ForProject } from '../../platform/common/access.decorators.js';
import { Answers } from '../../platform/common/answers.js';
import { ApiFault, invalid } from '../../platform/common/api-error.js';
import { type Caller, CallerOf } from '../../platform/common/principal.js';
import { InCallersProject, type ProjectScope } from '../../platform/common/scope.js';
import { EndpointNotFound } from '../delivery-log/endpoint-scope.js';
import { SigningKeyNotFound } from '../signing-keys/signing-keys.errors.js';
import { EndpointMetricsView, EndpointReplayInput, EndpointReplayView, KeyTestView, WindowQuery } from './endpoint-operations.dto.js';
import { EndpointOperationsService } from './endpoint-operations.service.js';

/** Operations on the deliveries of one endpoint. They are not part of the contract. */
@ApiTags('Webhook messages')
@Controller('/signet/v1/endpoints/:id')
export class EndpointOperationsController {
  constructor(private readonly operations: EndpointOperationsService) {}

  @Post('signing-keys/:keyId/test')
  @ForProject('webhooks:signingKeys:test')
  @Answers(200, KeyTestView, 'TestSigningKey', 'Send one test message that is signed with this key only, and return the result', [
    new EndpointNotFound(),
    new SigningKeyNotFound(),
    new ApiFault('conflict'),
  ])
  test(
    @InCallersProject() scope: ProjectScope,
    @Param('id') endpointId: string,
    @Param('keyId') keyId: string,
    @CallerOf() caller: Caller,
  ): Promise<KeyTestView> {
    return this.operations.test({ ...scope, endpointId }, keyId, caller);
  }

  @Post('replay')
  @ForProject('webhooks:messages:replay')
  @Answers(200, EndpointReplayView, 'ReplayEndpointMessages', 'Replay the messages that were accepted in a time range, or count them', [
    new EndpointNotFound(),
    invalid('from'),
    invalid('to'),
  ])
  replay(
    @InCallersProject() scope: ProjectScope,
    @Param('id') endpointId: string,
    @Body() input: EndpointReplayInput,
  ): Promise<EndpointReplayView> {
    return this.operations.replay({ ...scope, endpointId }, input);
  }

  @Get('metrics')
  @ForProject('webhooks:messages:getMetrics')
  @Answers(200, EndpointMetricsView, 'GetEndpointMetrics', 'Show the delivery metrics of an endpoint', [new EndpointNotFound()])
  metrics(
    @InCallersProject() scope: ProjectScope,
    @Param('id') endpointId: string,
    @Query() query: WindowQuery,
  ): Promise<EndpointMetricsView> {
    return this.operations.metrics({ ...scope, endpointId }, query);
  }
}
