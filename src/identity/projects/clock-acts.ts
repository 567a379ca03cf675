import { Injectable, Optional } from '@nestjs/common';
import { type AuditEntry, AuditService } from '../../platform/audit/audit.service.js';
import { OperationalEvents } from '../../platform/audit/operational-events.js';
import type { Write } from '../../platform/changes/changes.service.js';
import { CLOCK_ACTS, type ClockAct, type OperationalEvent } from '../../platform/common/events.js';
import type { Caller } from '../../platform/common/principal.js';
import { operator } from './operator.js';

/** The data of the event that reports a scheduled change. */
type DataOf<Act extends ClockAct> = Extract<OperationalEvent, { kind: (typeof CLOCK_ACTS)[Act] }>['data'];

/** Records scheduled changes, which no caller has requested: an audit row and an event, in the transaction of the change. */
@Injectable()
export class ClockActs {
  constructor(
    private readonly audit: AuditService,
    @Optional() private readonly events?: OperationalEvents,
  ) {}

  /** @param by the caller, if a caller made the same change; by default the service itself */
  async record<Act extends ClockAct>(
    write: Write,
    action: Act,
    entry: Omit<AuditEntry, 'action'>,
    data: DataOf<Act>,
    by: Caller = operator('signet'),
  ): Promise<void> {
    await this.audit.record(write, by, { ...entry, action });
    await this.tell(write, { kind: CLOCK_ACTS[action], data } as OperationalEvent);
  }

  /** Sends an event about a change by a caller. The operation of the caller writes the audit row. */
  async tell(write: Write, event: OperationalEvent): Promise<void> {
    await this.events?.emit(write, write, event);
  }
}
