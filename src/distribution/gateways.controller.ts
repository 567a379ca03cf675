import { Body, Controller, Get, Headers, Param, Put, Query, Req, Res } from '@nestjs/common';
import { ApiHeader, ApiProduces, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ForGateway } from '../common/access.js';
import { Answers } from '../common/answers.js';
import { Fault, invalid } from '../common/api-error.js';
import { type Machine, MachineOf } from '../common/principal.js';
import { beginStream } from './event-stream.js';
import { NODE_ID, NodeReportInput, NodeTermsView, SnapshotQuery, SnapshotView, WatchQuery } from './gateways.dto.js';
import { NodeReports } from './node-reports.service.js';
import { SnapshotService } from './snapshot.service.js';
import { WatchHub } from './watch-hub.js';

const REVISION = /^\d{1,15}$/;

/** What gateways call: lib/protocol/protocol.ts. */
@ApiTags('Distribution')
@Controller('/signet/v1/instances/:instance_id')
export class GatewaysController {
  constructor(
    private readonly snapshots: SnapshotService,
    private readonly hub: WatchHub,
    private readonly reports: NodeReports,
  ) {}

  @Get('snapshot')
  @ForGateway()
  @Answers(200, SnapshotView, 'ShowSnapshot', 'Give a gateway everything it signs with, as of one revision')
  snapshot(@MachineOf() machine: Machine, @Query() { publish_ids, sign_ids }: SnapshotQuery): Promise<SnapshotView> {
    const some = publish_ids !== undefined || sign_ids !== undefined;
    return this.snapshots.take(machine, some ? { publishIds: publish_ids ?? [], signIds: sign_ids ?? [] } : undefined);
  }

  @Get('watch')
  @ForGateway()
  @Answers(200, String, 'WatchChanges', 'Stream pointers to what changes, as server-sent events', [
    invalid('Last-Event-ID', { where: 'query' }),
  ])
  @ApiProduces('text/event-stream')
  @ApiHeader({ name: 'Last-Event-ID', required: false, description: 'The revision that the watcher has', schema: { type: 'string' } })
  async watch(
    @MachineOf() machine: Machine,
    @Query() query: WatchQuery,
    @Headers('last-event-id') last: string | undefined,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    if (last !== undefined && !REVISION.test(last)) throw invalid('Last-Event-ID', { where: 'query' });
    const from = last ?? query.from;
    await this.hub.watch(machine, from === undefined ? undefined : Number(from), () => beginStream(request, reply));
  }

  @Put('nodes/:node_id')
  @ForGateway()
  @Answers(200, NodeTermsView, 'ReportNode', 'Register a node, acknowledge a revision, keep it alive', [
    invalid('node_id', { where: 'path' }),
    new Fault('conflict'),
  ])
  report(@MachineOf() machine: Machine, @Param('node_id') nodeId: string, @Body() report: NodeReportInput): Promise<NodeTermsView> {
    if (!NODE_ID.test(nodeId)) throw invalid('node_id', { where: 'path' });
    return this.reports.take(machine, nodeId, report);
  }
}
