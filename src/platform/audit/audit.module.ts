import { Global, Module } from '@nestjs/common';
import { AuditController } from './audit.controller.js';
import { AuditEventsService } from './audit-events.service.js';
import { AuditService } from './audit.service.js';
import { AuditTrailService } from './audit-trail.service.js';
import { ChainHeads } from './chain-heads.service.js';
import { Denials } from './denials.service.js';
import { RetentionService } from './retention.service.js';

@Global()
@Module({
  controllers: [AuditController],
  providers: [AuditService, AuditEventsService, AuditTrailService, ChainHeads, Denials, RetentionService],
  exports: [AuditService, AuditEventsService, AuditTrailService, Denials, RetentionService],
})
export class AuditModule {}
