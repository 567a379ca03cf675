import { Controller, Post } from '@nestjs/common';
import { ApiBody, ApiTags } from '@nestjs/swagger';
import { ForProject } from '../common/access.js';
import { AnswersEnvelope } from '../common/envelope.js';
import { InCallersProject, type ProjectScope } from '../common/scope.js';
import { InvalidHeaders } from '../endpoints/endpoints.errors.js';
import { IdempotencyMismatch, PayloadTooLarge, SendEndpointNotFound } from './messages.errors.js';
import { MessagesService } from './messages.service.js';
import { SendBody, SendInput, SentView } from './send.dto.js';

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
  @ForProject('webhooks:messages:send')
  @ApiBody({ type: SendInput })
  @AnswersEnvelope(202, SentView, 'SendWebhook', 'Accept a message for delivery; it is stored when this answers', ERRORS)
  send(@InCallersProject() scope: ProjectScope, @SendBody() input: SendInput): Promise<SentView> {
    return this.messages.send(scope, input);
  }
}
