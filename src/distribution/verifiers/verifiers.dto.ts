import { ApiProperty } from '@nestjs/swagger';
import type { ReceiptVerifier, ReceiptVerifiers } from '../../lib/protocol/protocol.js';

const ENDINGS = ['left', 'keys_too_old', 'vouched'] as const satisfies readonly ReceiptVerifier['ending'][];
const STATES = ['refuses', 'behind', 'unknown'] as const satisfies readonly ReceiptVerifier['state'][];

class EndedView {
  @ApiProperty({
    type: String,
    enum: ENDINGS,
    nullable: true,
    description:
      'left: the verifier has reported its end; keys_too_old: it was silent for longer than its declared maximum key age; vouched: an operator vouched for it; null: it has not ended',
  })
  ending: ReceiptVerifier['ending'];
  @ApiProperty({ type: String, format: 'date-time', nullable: true, description: 'When the verifier ended' }) ended_at: string | null;
  @ApiProperty({ type: String, nullable: true, description: 'Who vouched' }) vouched_by: string | null;
  @ApiProperty({
    type: String,
    format: 'date-time',
    nullable: true,
    description:
      'When the verifier asked for keys after an operator had vouched for it: the operator was wrong, because the verifier still runs',
  })
  contradicted_at: string | null;
}

export class VerifierView extends EndedView {
  @ApiProperty({ description: 'Verifier' }) verifier_id: string;
  @ApiProperty({ description: 'Name that the process has chosen; may be empty' }) name: string;
  @ApiProperty({ description: 'Id of the process; empty if the process sends none' }) process_id: string;
  @ApiProperty({ description: 'Credential' }) token_id: string;
  @ApiProperty({ type: 'integer', description: 'Newest revision whose keys the process has confirmed' }) shown_revision: number;
  @ApiProperty({
    type: 'integer',
    nullable: true,
    description: 'Maximum age of the keys in seconds, after which the verifier refuses every request; null if there is none',
  })
  max_age_seconds: number | null;
  @ApiProperty({ format: 'date-time', description: 'When the process first asked for keys' }) registered_at: string;
  @ApiProperty({ format: 'date-time', description: 'When the process last asked for keys, accurate to a minute' }) last_seen_at: string;
}

export class VerifierListView {
  @ApiProperty({ type: 'integer', description: 'Verifiers' }) total: number;
  @ApiProperty({ type: 'integer', description: 'Equals total, because the list has no pages' }) size: number;
  @ApiProperty({ type: [VerifierView], description: 'By name' }) verifiers: VerifierView[];
}

class ReceiptVerifierView extends EndedView implements ReceiptVerifier {
  @ApiProperty({ description: 'Verifier' }) verifier_id: string;
  @ApiProperty({ description: 'Name that the process has chosen; may be empty' }) name: string;
  @ApiProperty({ description: 'Id of the process; empty if the process sends none' }) process_id: string;
  @ApiProperty({
    enum: STATES,
    description:
      'refuses: the verifier refuses all keys that ended at or before the revision; behind: it may still accept one; unknown: it sends no process id',
  })
  state: ReceiptVerifier['state'];
  @ApiProperty({ type: 'integer', description: 'Newest revision whose keys the process has confirmed' }) shown_revision: number;
  @ApiProperty({ format: 'date-time', description: 'When the process last asked for keys, accurate to a minute' }) last_seen_at: string;
}

export class ReceiptVerifiersView implements ReceiptVerifiers {
  @ApiProperty({
    enum: ['complete', 'behind', 'none_known'] satisfies ReceiptVerifiers['state'][],
    description:
      'complete: all known verifiers refuse the ended keys; behind: at least one may still accept one; none_known: no verifier has ever asked for keys',
  })
  state: ReceiptVerifiers['state'];
  @ApiProperty({ type: [ReceiptVerifierView], description: 'By name' }) verifiers: ReceiptVerifierView[];
}
