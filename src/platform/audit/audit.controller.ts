import { Readable } from 'node:stream';
import { Controller, Get, Query, Res } from '@nestjs/common';
import { ApiProduces, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Allow, AllowInDomain } from '../common/access.decorators.js';
import { Answers } from '../common/answers.js';
import { ApiFault, invalid } from '../common/api-error.js';
import { type Caller, CallerOf } from '../common/principal.js';
import { AuditExportQuery, AuditPageView, AuditQuery } from './audit.dto.js';
import { AuditEventsService, decodeCursor } from './audit-events.service.js';
import { lineOf } from './export.js';

const EXPORT_BUFFER_BYTES = 256 * 1024;
const JSON_LINES = 'application/x-ndjson';
const NEXT = {
  headers: { Link: { description: 'URL of the next part with `rel="next"`, if there are more events', schema: { type: 'string' } } },
} as const;

@ApiTags('Audit')
@Controller('/signet/v1/audit')
export class AuditController {
  constructor(private readonly events: AuditEventsService) {}

  /** The trail of the project to which the token is scoped. */
  @Get()
  @Allow('signet:audit:list')
  @Answers(200, AuditPageView, 'ListAuditEvents', 'List the changes and denied requests of the project, newest first', [
    invalid('cursor', { where: 'query' }),
  ])
  list(@Query() query: AuditQuery, @CallerOf() caller: Caller): Promise<AuditPageView> {
    return this.events.list(projectOf(caller), query);
  }

  /** The changes of users, groups, policies and access keys, which belong to no project. */
  @Get('domain')
  @AllowInDomain('iam:audit:list')
  @Answers(200, AuditPageView, 'ListDomainAuditEvents', 'List the changes in the domain of the caller, newest first', [
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
    const text = this.events.export(filter, lineOf(query.format), after, query.limit);
    // Backpressure: the stream reads only as fast as the client does.
    await reply.header('content-type', JSON_LINES).send(Readable.from(text, { objectMode: false, highWaterMark: EXPORT_BUFFER_BYTES }));
  }
}

function projectOf({ principal }: Caller): string {
  if (principal.projectId === undefined) throw new ApiFault('token_unscoped');
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
