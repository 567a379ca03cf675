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
      'left means that it reported its end, keys_too_old that it was silent for longer than its declared maximum key age, vouched that an operator vouched for it, null that it counts',
  })
  ending: ReceiptVerifier['ending'];
  @ApiProperty({ type: String, format: 'date-time', nullable: true, description: 'When it ended' }) ended_at: string | null;
  @ApiProperty({ type: String, nullable: true, description: 'Who vouched' }) vouched_by: string | null;
  @ApiProperty({
    type: String,
    format: 'date-time',
    nullable: true,
    description: 'When the verifier asked for keys after somebody had vouched for it: since then the vouch is known to be wrong',
  })
  contradicted_at: string | null;
}

export class VerifierView extends EndedView {
  @ApiProperty({ description: 'Verifier' }) verifier_id: string;
  @ApiProperty({ description: 'The name that the process uses for itself; may be empty' }) name: string;
  @ApiProperty({ description: 'Id of the process; empty if it sends none' }) process_id: string;
  @ApiProperty({ description: 'Credential' }) token_id: string;
  @ApiProperty({ type: 'integer', description: 'The newest revision whose keys it has confirmed' }) shown_revision: number;
  @ApiProperty({
    type: 'integer',
    nullable: true,
    description: 'Age of its keys in seconds from which the verifier refuses every request; null if there is none',
  })
  max_age_seconds: number | null;
  @ApiProperty({ format: 'date-time', description: 'When it first asked for keys' }) registered_at: string;
  @ApiProperty({ format: 'date-time', description: 'When it last asked for keys, to the minute' }) last_seen_at: string;
}

export class VerifierListView {
  @ApiProperty({ type: 'integer', description: 'Verifiers' }) total: number;
  @ApiProperty({ type: 'integer', description: 'Equals total: the list is not paged' }) size: number;
  @ApiProperty({ type: [VerifierView], description: 'By name' }) verifiers: VerifierView[];
}

class ReceiptVerifierView extends EndedView implements ReceiptVerifier {
  @ApiProperty({ description: 'Verifier' }) verifier_id: string;
  @ApiProperty({ description: 'The name that the process uses for itself; may be empty' }) name: string;
  @ApiProperty({ description: 'Id of the process; empty if it sends none' }) process_id: string;
  @ApiProperty({
    enum: STATES,
    description:
      'refuses means that it refuses every key that ended at or before the revision, behind that it may accept one, unknown that it sends no process id',
  })
  state: ReceiptVerifier['state'];
  @ApiProperty({ type: 'integer', description: 'The newest revision whose keys it has confirmed' }) shown_revision: number;
  @ApiProperty({ format: 'date-time', description: 'When it last asked for keys, to the minute' }) last_seen_at: string;
}

export class ReceiptVerifiersView implements ReceiptVerifiers {
  @ApiProperty({
    enum: ['complete', 'behind', 'none_known'] satisfies ReceiptVerifiers['state'][],
    description:
      'complete means that every known verifier refuses, behind that one may accept, none_known that none has ever asked for keys',
  })
  state: ReceiptVerifiers['state'];
  @ApiProperty({ type: [ReceiptVerifierView], description: 'By name' }) verifiers: ReceiptVerifierView[];
}
