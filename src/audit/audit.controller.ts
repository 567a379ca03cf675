import { Controller, Get, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Allow } from '../common/access.js';
import { Answers } from '../common/answers.js';
import { Fault, invalid } from '../common/api-error.js';
import { type Caller, CallerOf } from '../common/principal.js';
import { AuditPageView, AuditQuery } from './audit.dto.js';
import { AuditTrailService } from './audit-trail.service.js';

@ApiTags('Audit')
@Controller('/signet/v1/audit')
export class AuditController {
  constructor(private readonly trail: AuditTrailService) {}

  /** The trail of the token's project. */
  @Get()
  @Allow('signet:audit:list')
  @Answers(200, AuditPageView, 'ListAuditEvents', 'List who changed what in the project, newest first', [
    invalid('cursor', { where: 'query' }),
  ])
  list(@Query() query: AuditQuery, @CallerOf() { principal }: Caller): Promise<AuditPageView> {
    if (principal.projectId === undefined) throw new Fault('token_unscoped');
    return this.trail.list(principal.projectId, query);
  }
}
