import { Controller, Post } from '@nestjs/common';
import { ApiBody, ApiTags } from '@nestjs/swagger';
import { ForProject } from '../../platform/common/access.decorators.js';
import { BodyLimit, LARGEST } from '../../platform/common/body-limit.js';
import { KEEPS_BODY_TEXT } from '../../platform/common/body-text.js';
import { AnswersEnvelope } from '../../platform/common/envelope.js';
import { routeConfig } from '../../platform/common/route-config.js';
import { InCallersProject, type ProjectScope } from '../../platform/common/scope.js';
import { InvalidHeaders } from '../endpoints/endpoints.errors.js';
import { IdempotencyMismatch, PayloadTooLarge, SendEndpointNotFound } from './messages.errors.js';
import { MessagesService } from './messages.service.js';
import { type AcceptedInput, SendBody, SendInput, SentView } from './send.dto.js';

const ERRORS = [
  new InvalidHeaders("header 'Host' is forbidden and cannot be overridden"),
  new PayloadTooLarge(),
  new SendEndpointNotFound(),
  new IdempotencyMismatch(),
];

@ApiTags('Webhook messages')
@Controller('/v1/webhooks')
export class SendController {
  constructor(private readonly messages: MessagesService) {}

  @Post('send')
  @BodyLimit(LARGEST)
  @ForProject('webhooks:messages:send')
  @routeConfig(KEEPS_BODY_TEXT)
  @ApiBody({ type: SendInput })
  @AnswersEnvelope(202, SentView, 'SendWebhook', 'Accept a message for delivery; the message is committed before the response', ERRORS)
  send(@InCallersProject() scope: ProjectScope, @SendBody() input: AcceptedInput): Promise<SentView> {
    return this.messages.send(scope, input);
  }
}
