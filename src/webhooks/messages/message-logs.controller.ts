import { Controller, Get, Param, Post, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { ForProject } from '../../platform/common/access.decorators.js';
import { AnswersEnvelope, type Enveloped } from '../../platform/common/envelope.js';
import { InCallersProject, type ProjectScope } from '../../platform/common/scope.js';
import { MessageActionsService } from './message-actions.service.js';
import { MessageLogsService } from './message-logs.service.js';
import {
  DeadLetterQuery,
  DeadLettersView,
  LogEntryView,
  LogQuery,
  MetricsQuery,
  MetricsView,
  ReplayedView,
  TimeSeriesView,
} from './messages.dto.js';
import { MESSAGE_ERRORS } from './messages.errors.js';

@ApiTags('Webhook messages')
@Controller('/v1')
export class MessageLogsController {
  constructor(
    private readonly logs: MessageLogsService,
    private readonly actions: MessageActionsService,
  ) {}

  @Get('logs')
  @ForProject('webhooks:messages:list')
  @AnswersEnvelope(200, LogEntryView, 'GetLogs', 'List messages, newest first', [], { of: 'page' })
  list(@InCallersProject() scope: ProjectScope, @Query() query: LogQuery): Promise<Enveloped<LogEntryView[]>> {
    return this.logs.logs(scope, query);
  }

  @Get('metrics')
  @ForProject('webhooks:messages:getMetrics')
  @AnswersEnvelope(200, MetricsView, 'GetMetrics', 'Count the messages that were accepted in a window of time')
  metrics(@InCallersProject() scope: ProjectScope, @Query() query: MetricsQuery): Promise<MetricsView> {
    return this.logs.metrics(scope, query);
  }

  @Get('metrics/timeseries')
  @ForProject('webhooks:messages:getMetrics')
  @AnswersEnvelope(200, TimeSeriesView, 'GetTimeSeriesMetrics', 'Count the messages that were accepted in a window of time, per bucket')
  timeSeries(@InCallersProject() scope: ProjectScope, @Query() query: MetricsQuery): Promise<TimeSeriesView> {
    return this.logs.timeSeries(scope, query);
  }

  @Get('dlq/messages')
  @ForProject('webhooks:messages:list')
  @AnswersEnvelope(
    200,
    DeadLettersView,
    'ListDLQMessages',
    'List messages that failed for good, newest first; the fields for paging are in data',
  )
  deadLetters(@InCallersProject() scope: ProjectScope, @Query() query: DeadLetterQuery): Promise<DeadLettersView> {
    return this.logs.deadLetters(scope, query);
  }

  @Post('dlq/replay/:id')
  @ForProject('webhooks:messages:replay')
  @AnswersEnvelope(200, ReplayedView, 'ReplayFromDLQ', 'Replay a message that failed for good', MESSAGE_ERRORS.replay)
  replay(@InCallersProject() scope: ProjectScope, @Param('id') messageId: string): Promise<ReplayedView> {
    return this.actions.replay(scope, messageId);
  }
}
