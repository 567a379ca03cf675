import { Body, Controller, Get, Headers, Param, Put, Query, Req, Res } from '@nestjs/common';
import { ApiHeader, ApiProduces, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ForGateway } from '../../platform/common/access.decorators.js';
import { Answers } from '../../platform/common/answers.js';
import { invalid } from '../../platform/common/api-error.js';
import { BodyLimit, LIST_BYTES } from '../../platform/common/body-limit.js';
import { type Machine, MachineOf } from '../../platform/common/principal.js';
import { beginStream } from '../watch/event-stream.js';
import {
  SESSION_ID,
  SessionAdmissionView,
  SessionInput,
  SessionReportInput,
  SessionTermsView,
  SnapshotQuery,
  SnapshotView,
  WatchQuery,
} from './gateways.dto.js';
import { SessionReports } from './session-reports.service.js';
import { SESSION_REFUSALS } from './sessions.errors.js';
import { SessionsService } from './sessions.service.js';
import { SubscriptionHub } from '../watch/subscription-hub.js';

const REVISION = /^\d{1,15}$/;
const SESSION_HEADER = {
  name: 'Signet-Session',
  required: true,
  description: 'Session of the calling process',
  schema: { type: 'string' },
} as const;

/** The API that gateway nodes call (lib/protocol/protocol.ts). */
@ApiTags('Distribution')
@Controller('/signet/v1/instances/:instance_id')
export class GatewaysController {
  constructor(
    private readonly sessions: SessionsService,
    private readonly hub: SubscriptionHub,
    private readonly reports: SessionReports,
  ) {}

  @Get('snapshot')
  @ForGateway()
  @Answers(200, SnapshotView, 'ShowSnapshot', 'Get all keys and routes with which a process signs, at one revision', [
    invalid('Signet-Session', { where: 'query' }),
    ...SESSION_REFUSALS,
  ])
  @ApiHeader(SESSION_HEADER)
  snapshot(
    @MachineOf() machine: Machine,
    @Query() { publish_ids, sign_ids }: SnapshotQuery,
    @Headers('signet-session') session: string | undefined,
  ): Promise<SnapshotView> {
    if (session === undefined || !SESSION_ID.test(session)) throw invalid('Signet-Session', { where: 'query' });
    const some = publish_ids !== undefined || sign_ids !== undefined;
    const wanted = some ? { publishIds: publish_ids ?? [], signIds: sign_ids ?? [] } : undefined;
    return this.sessions.snapshot(machine, session, wanted);
  }

  @Get('watch')
  @ForGateway()
  @Answers(200, String, 'WatchChanges', 'Stream references to changes, as server-sent events', [
    invalid('Last-Event-ID', { where: 'query' }),
    invalid('Signet-Session', { where: 'query' }),
    ...SESSION_REFUSALS,
  ])
  @ApiHeader({ ...SESSION_HEADER, required: false })
  @ApiProduces('text/event-stream')
  @ApiHeader({ name: 'Last-Event-ID', required: false, description: 'Revision that the watcher has', schema: { type: 'string' } })
  async watch(
    @MachineOf() machine: Machine,
    @Query() query: WatchQuery,
    @Headers('last-event-id') last: string | undefined,
    @Headers('signet-session') session: string | undefined,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    if (last !== undefined && !REVISION.test(last)) throw invalid('Last-Event-ID', { where: 'query' });
    if (session !== undefined && !SESSION_ID.test(session)) throw invalid('Signet-Session', { where: 'query' });
    if (session !== undefined) await this.sessions.assertLiving(machine, session);
    const from = last ?? query.from;
    await this.hub.subscribe(machine, from === undefined ? undefined : Number(from), () => beginStream(request, reply));
  }

  @Put('sessions/:session_id')
  @BodyLimit(LIST_BYTES)
  @ForGateway()
  @Answers(200, SessionAdmissionView, 'RegisterSession', 'Register a process, before it gets keys', [
    invalid('session_id', { where: 'path' }),
    ...SESSION_REFUSALS,
  ])
  register(
    @MachineOf() machine: Machine,
    @Param('session_id') sessionId: string,
    @Body() registration: SessionInput,
  ): Promise<SessionAdmissionView> {
    if (!SESSION_ID.test(sessionId)) throw invalid('session_id', { where: 'path' });
    return this.sessions.register(machine, sessionId, registration);
  }

  @Put('sessions/:session_id/report')
  @BodyLimit(LIST_BYTES)
  @ForGateway()
  @Answers(200, SessionTermsView, 'ReportSession', 'Report: acknowledge a revision, keep the session alive and renew its lease', [
    invalid('session_id', { where: 'path' }),
    ...SESSION_REFUSALS,
  ])
  report(
    @MachineOf() machine: Machine,
    @Param('session_id') sessionId: string,
    @Body() report: SessionReportInput,
  ): Promise<SessionTermsView> {
    if (!SESSION_ID.test(sessionId)) throw invalid('session_id', { where: 'path' });
    return this.reports.take(machine, sessionId, report);
  }
}
