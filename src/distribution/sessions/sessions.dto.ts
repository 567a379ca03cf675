import { ApiProperty } from '@nestjs/swagger';
import { toMicroseconds } from '../../platform/common/clock.js';
import type { StoredSession } from '../../platform/receipts/protocol-rows.js';

export class SessionView {
  @ApiProperty({ description: 'A process that signs' }) session_id: string;
  @ApiProperty({ description: 'The name that the process uses for itself' }) node_id: string;
  @ApiProperty({ description: 'Credential of its last report' }) credential_id: string;
  @ApiProperty({ type: 'integer', description: 'Every revision up to this one is in effect there' }) applied_revision: number;
  @ApiProperty({ type: String, format: 'date-time', nullable: true, description: 'When it first acknowledged that revision' }) applied_at:
    | string
    | null;
  @ApiProperty({ description: 'Version of its software' }) version: string;
  @ApiProperty({ format: 'date-time', description: 'When it reported last' }) last_seen_at: string;
  @ApiProperty({ type: 'integer', nullable: true, description: 'Maximum time for which it signs without an answer; null means unlimited' })
  lease_seconds: number | null;
  @ApiProperty({ type: 'integer', description: 'Minimum time for which it has been silent' }) silent_seconds: number;
  @ApiProperty({ format: 'date-time', description: 'When it began' }) registered_at: string;
}

export class SessionListView {
  @ApiProperty({ type: 'integer', description: 'Processes' }) total: number;
  @ApiProperty({ type: 'integer', description: 'Equals total: the list is not paged' }) size: number;
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
