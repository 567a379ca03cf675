import { Readable } from 'node:stream';
import { Controller, Get, Query, Res } from '@nestjs/common';
import { ApiProduces, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Allow, AllowInDomain } from '../common/access.js';
import { Answers } from '../common/answers.js';
import { Fault, invalid } from '../common/api-error.js';
import { type Caller, CallerOf } from '../common/principal.js';
import { AuditExportQuery, AuditPageView, AuditQuery } from './audit.dto.js';
import { AuditEventsService, decodeCursor } from './audit-events.service.js';
import { exportLines } from './export.js';

const JSON_LINES = 'application/x-ndjson';
const NEXT = {
  headers: { Link: { description: 'Where there are more: the next part, `rel="next"`', schema: { type: 'string' } } },
} as const;

@ApiTags('Audit')
@Controller('/signet/v1/audit')
export class AuditController {
  constructor(private readonly events: AuditEventsService) {}

  /** The trail of the token's project. */
  @Get()
  @Allow('signet:audit:list')
  @Answers(200, AuditPageView, 'ListAuditEvents', 'List who changed what in the project, and what was denied, newest first', [
    invalid('cursor', { where: 'query' }),
  ])
  list(@Query() query: AuditQuery, @CallerOf() caller: Caller): Promise<AuditPageView> {
    return this.events.list(projectOf(caller), query);
  }

  /** Users, groups, policies and access keys: they belong to no project. */
  @Get('domain')
  @AllowInDomain('iam:audit:list')
  @Answers(200, AuditPageView, 'ListDomainAuditEvents', 'List who changed what in the domain of the caller, newest first', [
    invalid('cursor', { where: 'query' }),
  ])
  listOfDomain(@Query() query: AuditQuery, @CallerOf() { principal }: Caller): Promise<AuditPageView> {
    return this.events.listOfDomain(principal.domainId, query);
  }

  @Get('export')
  @Allow('signet:audit:export')
  @Answers(
    200,
    String,
    'ExportAuditEvents',
    'Stream the trail of the project, oldest first, one JSON object a line',
    [invalid('cursor', { where: 'query' })],
    NEXT,
  )
  @ApiProduces(JSON_LINES)
  async export(@Query() query: AuditExportQuery, @CallerOf() caller: Caller, @Res() reply: FastifyReply): Promise<void> {
    const filter = { projectId: projectOf(caller), ...span(query) };
    const after = query.cursor === undefined ? undefined : decodeCursor(query.cursor);
    const next = await this.events.cursorBehind(filter, after, query.limit);
    if (next !== undefined) void reply.header('link', `<${nextUrl(query, next)}>; rel="next"`);
    const events = this.events.stream(filter, after, query.limit);
    // The stream reads on only as fast as the client does.
    await reply.header('content-type', JSON_LINES).send(Readable.from(exportLines(events, query.format)));
  }
}

function projectOf({ principal }: Caller): string {
  if (principal.projectId === undefined) throw new Fault('token_unscoped');
  return principal.projectId;
}

const span = ({ since, until }: Pick<AuditExportQuery, 'since' | 'until'>) => ({
  ...(since !== undefined && { since: Date.parse(since) }),
  ...(until !== undefined && { until: Date.parse(until) }),
});

const nextUrl = ({ format, since, until, limit }: AuditExportQuery, cursor: string) =>
  `/signet/v1/audit/export?${new URLSearchParams({
    format,
    ...(since !== undefined && { since }),
    ...(until !== undefined && { until }),
    limit: String(limit),
    cursor,
  }).toString()}`;
