import { Body, Controller, Delete, Get, Param, Post, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { ForProject } from '../../platform/common/access.decorators.js';
import { AnswersEnvelope, Enveloped } from '../../platform/common/envelope.js';
import { type Caller, CallerOf } from '../../platform/common/principal.js';
import { InCallersProject, type ProjectScope } from '../../platform/common/scope.js';
import { MessageActionsService } from './message-actions.service.js';
import {
  ActedMessageView,
  AllQuery,
  AttemptView,
  BatchInput,
  DeletedMessageView,
  MessageView,
  ReplayedAllView,
  ReplayedBatchView,
  ReplayedView,
} from './messages.dto.js';
import { MESSAGE_ERRORS } from './messages.errors.js';
import { MessagesService } from './messages.service.js';

const ACTION = { message: true } as const;
const replayedWords = ({ replayed }: { replayed: number }) => `${replayed} message${replayed === 1 ? '' : 's'} queued for delivery`;

@ApiTags('Webhook messages')
@Controller('/v1/messages')
export class MessagesController {
  constructor(
    private readonly messages: MessagesService,
    private readonly actions: MessageActionsService,
  ) {}

  @Post('replay-all')
  @ForProject('webhooks:messages:replay')
  @AnswersEnvelope(200, ReplayedAllView, 'ReplayAllMessages', 'Replay the messages in a status, oldest first', [], ACTION)
  async replayAll(@InCallersProject() scope: ProjectScope, @Query() query: AllQuery): Promise<Enveloped<ReplayedAllView>> {
    const view = await this.actions.replayAll(scope, query);
    return new Enveloped(view, { message: replayedWords(view) });
  }

  @Post('replay-batch')
  @ForProject('webhooks:messages:replay')
  @AnswersEnvelope(200, ReplayedBatchView, 'ReplayBatchMessages', 'Replay up to 100 messages', [], ACTION)
  async replayBatch(@InCallersProject() scope: ProjectScope, @Body() input: BatchInput): Promise<Enveloped<ReplayedBatchView>> {
    const view = await this.actions.replayBatch(scope, input.message_ids);
    return new Enveloped(view, { message: replayedWords(view) });
  }

  @Get(':id')
  @ForProject('webhooks:messages:get')
  @AnswersEnvelope(200, MessageView, 'GetMessage', 'Show a message, without its payload', MESSAGE_ERRORS.one)
  show(@InCallersProject() scope: ProjectScope, @Param('id') messageId: string): Promise<MessageView> {
    return this.messages.show(scope, messageId);
  }

  @Get(':id/attempts')
  @ForProject('webhooks:messages:listAttempts')
  @AnswersEnvelope(
    200,
    AttemptView,
    'GetMessageAttempts',
    'List the delivery attempts of a message; empty if the message does not exist',
    [],
    {
      of: 'page',
    },
  )
  async attempts(@InCallersProject() scope: ProjectScope, @Param('id') messageId: string): Promise<Enveloped<AttemptView[]>> {
    const { attempts, more } = await this.messages.attempts(scope, messageId);
    return new Enveloped(attempts, { nextCursor: null, hasMore: more });
  }

  @Post(':id/replay')
  @ForProject('webhooks:messages:replay')
  @AnswersEnvelope(200, ReplayedView, 'ReplayMessage', 'Replay a finished message', MESSAGE_ERRORS.replay)
  replay(@InCallersProject() scope: ProjectScope, @Param('id') messageId: string): Promise<ReplayedView> {
    return this.actions.replay(scope, messageId);
  }

  @Post(':id/retry-now')
  @ForProject('webhooks:messages:retryNow')
  @AnswersEnvelope(200, ActedMessageView, 'RetryMessageNow', 'Make the next attempt due now', MESSAGE_ERRORS.waiting, ACTION)
  async retryNow(@InCallersProject() scope: ProjectScope, @Param('id') messageId: string): Promise<Enveloped<ActedMessageView>> {
    return new Enveloped(await this.actions.retryNow(scope, messageId), { message: 'Retry scheduled for immediate pickup' });
  }

  @Post(':id/cancel')
  @ForProject('webhooks:messages:cancel')
  @AnswersEnvelope(200, ActedMessageView, 'CancelMessageRetry', 'Cancel a message that waits for a retry', MESSAGE_ERRORS.waiting)
  cancel(@InCallersProject() scope: ProjectScope, @Param('id') messageId: string): Promise<ActedMessageView> {
    return this.actions.cancel(scope, messageId);
  }

  @Delete(':id')
  @ForProject('webhooks:messages:delete')
  @AnswersEnvelope(200, DeletedMessageView, 'DeleteMessage', 'Delete a message and its payload, and end its delivery', MESSAGE_ERRORS.one)
  delete(@InCallersProject() scope: ProjectScope, @Param('id') messageId: string, @CallerOf() caller: Caller): Promise<DeletedMessageView> {
    return this.actions.delete(scope, messageId, caller);
  }
}
