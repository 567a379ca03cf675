import { ApiProperty } from '@nestjs/swagger';
import { toMicroseconds } from '../../platform/common/clock.js';
import type { StoredSession } from '../../platform/receipts/protocol-rows.js';

export class SessionView {
  @ApiProperty({ description: 'A process that signs' }) session_id: string;
  @ApiProperty({ description: 'Name that the process has chosen' }) node_id: string;
  @ApiProperty({ description: 'Id of the credential that the last report used' }) credential_id: string;
  @ApiProperty({ type: 'integer', description: 'Revision that is in effect at the process, with all earlier ones' })
  applied_revision: number;
  @ApiProperty({ type: String, format: 'date-time', nullable: true, description: 'When the process first acknowledged this revision' })
  applied_at: string | null;
  @ApiProperty({ description: 'Version of the software' }) version: string;
  @ApiProperty({ format: 'date-time', description: 'Time of the last report' }) last_seen_at: string;
  @ApiProperty({
    type: 'integer',
    nullable: true,
    description: 'Maximum time for which the process signs without a response from the control plane; null means unlimited',
  })
  lease_seconds: number | null;
  @ApiProperty({ type: 'integer', description: 'Minimum time since the last report' }) silent_seconds: number;
  @ApiProperty({ format: 'date-time', description: 'When the session began' }) registered_at: string;
}

export class SessionListView {
  @ApiProperty({ type: 'integer', description: 'Processes' }) total: number;
  @ApiProperty({ type: 'integer', description: 'Equals total, because the list has no pages' }) size: number;
  @ApiProperty({ type: [SessionView], description: 'By name' }) sessions: SessionView[];
}

export const toView = (row: StoredSession): SessionView => ({
  session_id: row.sessionId,
  node_id: row.nodeId,
  credential_id: row.credentialId,
  applied_revision: row.acknowledged,
  applied_at: row.acknowledgedAt === null ? null : toMicroseconds(row.acknowledgedAt),
  version: row.version,
  last_seen_at: toMicroseconds(row.lastSeen),
  lease_seconds: row.leaseSeconds,
  silent_seconds: Math.floor(row.silenceMs / 1000),
  registered_at: toMicroseconds(row.registeredAt),
});
