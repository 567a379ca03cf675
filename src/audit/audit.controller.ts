import { Controller, Get, Query } from '@nestjs/common';
import { Allow } from '../common/access.js';
import { Fault } from '../common/api-error.js';
import { type Caller, CallerOf } from '../common/principal.js';
import { type AuditPageView, AuditQuery } from './audit.dto.js';
import { AuditTrailService } from './audit-trail.service.js';

@Controller('/signet/v1/audit')
export class AuditController {
  constructor(private readonly trail: AuditTrailService) {}

  /** The trail of the token's project. */
  @Get()
  @Allow('signet:audit:list')
  list(@Query() query: AuditQuery, @CallerOf() { principal }: Caller): Promise<AuditPageView> {
    if (principal.projectId === undefined) throw new Fault('token_unscoped');
    return this.trail.list(principal.projectId, query);
  }
}
