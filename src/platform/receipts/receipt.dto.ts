import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsOptional, Matches } from 'class-validator';
import { toMicroseconds } from '../common/clock.js';
import type { ReceiptTarget } from '../common/committed.js';
import type { Receipt, ReceiptSession } from '../../lib/protocol/protocol.js';
import type { StoredSession } from './protocol-rows.js';

/** Format of an epoch. */
export const EPOCH = /^[0-9a-z-]{1,32}$/;

const STATES = [
  'acknowledged',
  'pending',
  'silent',
  'left',
  'lease_over',
  'vouched',
  'succeeded',
] as const satisfies readonly ReceiptSession['state'][];

class ReceiptSessionView implements ReceiptSession {
  @ApiProperty({ description: 'A process that received keys' }) session_id: string;
  @ApiProperty({ description: 'Name that the process has chosen' }) node_id: string;
  @ApiProperty({
    enum: STATES,
    description:
      'acknowledged: the process has confirmed that the revision is in effect; pending: it has not confirmed yet; silent: pending, and without a report for ' +
      'some time; left: the process has reported that it will not sign any more; lease_over: it was silent for longer than its lease; vouched: an operator stated that ' +
      'it does not sign any more; succeeded: a later process has proved that this one has ended',
  })
  state: ReceiptSession['state'];
  @ApiProperty({ type: String, format: 'date-time', nullable: true, description: 'Time of the last acknowledgement' })
  acknowledged_at: string | null;
  @ApiProperty({ format: 'date-time', description: 'Time of the last report' }) last_seen_at: string;
  @ApiProperty({
    type: 'integer',
    nullable: true,
    description: 'Maximum time for which the process signs without an answer from the control plane; null means unlimited',
  })
  lease_seconds: number | null;
  @ApiProperty({ type: 'integer', description: 'Minimum time since the last report' }) silent_seconds: number;
  @ApiProperty({
    type: String,
    format: 'date-time',
    nullable: true,
    description: 'When the session ended; null while the process may still sign',
  })
  ended_at: string | null;
  @ApiProperty({ type: String, nullable: true, description: 'The operator who vouched, or the session that succeeded this one' }) ended_by:
    | string
    | null;
  @ApiProperty({
    type: String,
    format: 'date-time',
    nullable: true,
    description: 'Time of the first report after an operator had vouched: the operator was wrong, because the process still runs',
  })
  contradicted_at: string | null;
}

/** The part of a receipt that concerns signing processes. */
export class SignersReceiptView implements Omit<Receipt, 'verifiers' | 'refused_everywhere'> {
  @ApiProperty({ description: 'Gateway' }) instance_id: string;
  @ApiProperty({ type: 'integer', description: 'Revision' }) revision: number;
  @ApiProperty({ description: 'True if no process signs with an older revision; never becomes false again' })
  complete: boolean;
  @ApiProperty({ format: 'date-time', description: 'When the revision was written' }) created_at: string;
  @ApiProperty({ type: String, format: 'date-time', nullable: true, description: 'When the receipt was completed' })
  completed_at: string | null;
  @ApiProperty({ type: [ReceiptSessionView], description: 'All processes for which the receipt waits or has waited, by name' })
  sessions: ReceiptSessionView[];
}

/** A session without a report for longer than this is shown as silent. Nodes report every few seconds. */
const SILENT_MS = 15_000;

interface Shown {
  /** The revision that the caller asked about. */
  shown: ReceiptTarget;
  /** The revision that its signers acknowledge. */
  revision: number;
  createdAt: number;
  completedAt: number | null;
  epoch: string;
  sessions: readonly StoredSession[];
}

export const toReceiptView = ({ shown, revision, createdAt, completedAt, epoch, sessions }: Shown): SignersReceiptView => ({
  instance_id: shown.scope.id,
  revision: shown.revision,
  complete: completedAt !== null,
  created_at: toMicroseconds(createdAt),
  completed_at: completedAt === null ? null : toMicroseconds(completedAt),
  sessions: sessions.map((session) => ({
    session_id: session.sessionId,
    node_id: session.nodeId,
    state: stateOf(session, revision, epoch),
    acknowledged_at: session.acknowledgedAt === null ? null : toMicroseconds(session.acknowledgedAt),
    last_seen_at: toMicroseconds(session.lastSeen),
    lease_seconds: session.leaseSeconds,
    silent_seconds: Math.floor(session.silenceMs / 1000),
    ended_at: session.endedAt === null ? null : toMicroseconds(session.endedAt),
    ended_by: session.ending && 'by' in session.ending ? session.ending.by : null,
    contradicted_at: session.contradictedAt === null ? null : toMicroseconds(session.contradictedAt),
  })),
});

/** Returns the state for display. `lib/receipts/protocol.ts` decides what a receipt waits for. */
function stateOf(session: StoredSession, revision: number, epoch: string): ReceiptSession['state'] {
  if (session.acknowledged >= revision && session.epoch === epoch) return 'acknowledged';
  if (session.ending) return session.ending.how;
  return session.silenceMs > SILENT_MS ? 'silent' : 'pending';
}

export class ReceiptQuery {
  @ApiPropertyOptional({
    description: 'The epoch of the revision, from `Signet-Receipt`; the current epoch if absent',
  })
  @Matches(EPOCH)
  @IsOptional()
  epoch?: string;
}
