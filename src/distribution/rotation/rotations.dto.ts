import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsBoolean, IsIn, IsInt, IsISO8601, IsOptional, IsString, Max, MaxLength, Min } from 'class-validator';
import { EmptyIsAbsent } from '../../platform/common/pagination.js';
import type { VerificationKey, VerificationKeys, VerificationVersion } from '../../lib/protocol/protocol.js';
import { SIGN_ALGORITHMS, SIGN_TYPES, type SignAlgorithm, type SignType } from '#signing/algorithms.js';
import { type Promotion, PROMOTIONS, ROTATION_STATES, type RotationState } from './sign-rotation.entity.js';

const OVERLAP_DEFAULT = 86_400;
const OVERLAP_MAX = 90 * 86_400;

export class RotationInput {
  @ApiPropertyOptional({
    maxLength: 512,
    description: 'New key. Default: unchanged for hmac and basic, generated for aes and public_key',
  })
  @EmptyIsAbsent()
  @MaxLength(512)
  @IsString()
  @IsOptional()
  sign_key?: string;

  @ApiPropertyOptional({
    maxLength: 2048,
    description: 'New secret, which must meet the rules of the key’s type. Default: a generated one',
  })
  @EmptyIsAbsent()
  @MaxLength(2048)
  @IsString()
  @IsOptional()
  sign_secret?: string;

  @ApiPropertyOptional({
    type: 'integer',
    minimum: 0,
    maximum: OVERLAP_MAX,
    default: OVERLAP_DEFAULT,
    description: 'How long verifiers accept the old secret after the new one has begun to sign, in seconds',
  })
  @Min(0)
  @Max(OVERLAP_MAX)
  @IsInt()
  @IsOptional()
  overlap_seconds: number = OVERLAP_DEFAULT;

  @ApiPropertyOptional({
    enum: PROMOTIONS,
    default: 'manual',
    description:
      'When the new secret begins to sign. manual: with POST …/promote; scheduled: at promote_at; verified: when all verifiers that were seen in the last 24 hours have it',
  })
  @IsIn(PROMOTIONS)
  @IsOptional()
  promotion?: Promotion;

  @ApiPropertyOptional({ format: 'date-time', description: 'For `scheduled`' })
  @IsISO8601({ strict: true })
  @IsOptional()
  promote_at?: string;
}

export class PromotionInput {
  @ApiPropertyOptional({ format: 'date-time', description: 'When the new secret begins to sign. Default: now' })
  @IsISO8601({ strict: true })
  @IsOptional()
  at?: string;
}

export class RetirementInput {
  @ApiPropertyOptional({
    default: false,
    description:
      'If true, the secret is retired even if nodes or verifiers have not acknowledged the promotion; the audit trail records which have not',
  })
  @IsBoolean()
  @IsOptional()
  force?: boolean;
}

class AwaitedView {
  @ApiProperty({ enum: ['session', 'verifier'], description: 'Whether the process signs or verifies' }) kind: 'session' | 'verifier';
  @ApiProperty({ description: 'Id with which an operator can vouch for the process' }) id: string;
  @ApiProperty({ description: 'Name that the process has chosen; may be empty' }) name: string;
  @ApiProperty({ format: 'date-time', description: 'When the process was last seen' }) last_seen_at: string;
}

export class RetirementView {
  @ApiProperty({ type: 'integer', description: 'Revision from which on the secret of signing_version signs' }) promoted_revision: number;
  @ApiProperty({ description: 'URL of the receipt of this revision' }) receipt: string;
  @ApiProperty({
    enum: ['complete', 'behind'],
    description: 'complete: no process signs with the other secret any more; behind: a process may still do so',
  })
  signers: 'complete' | 'behind';
  @ApiProperty({
    enum: ['complete', 'behind', 'none_known'],
    description: 'complete: every known verifier has confirmed the secret that signs; behind: at least one has not',
  })
  verifiers: 'complete' | 'behind' | 'none_known';
  @ApiProperty({ type: 'integer', description: 'Number of processes that have not acknowledged the promotion' }) total: number;
  @ApiProperty({
    type: [AwaitedView],
    description:
      'Processes that have not acknowledged the promotion, at most 100. If the list is empty while signers is behind, the receipt is open for another reason, such as a restore',
  })
  waits_for: AwaitedView[];
}

class RotationVerifierView {
  @ApiProperty({ description: 'Credential' }) token_id: string;
  @ApiProperty({ description: 'Name that the process has chosen; may be empty' }) name: string;
  @ApiProperty({ description: 'Id of the process; empty if the process sends none' }) process_id: string;
  @ApiProperty({ description: 'Whether the process has confirmed both secrets' }) holds_both: boolean;
  @ApiProperty({ format: 'date-time', description: 'When the process last asked for keys' }) last_seen_at: string;
}

export class RotationView {
  @ApiProperty({ description: 'Signature key' }) sign_id: string;
  @ApiProperty({
    enum: ROTATION_STATES,
    description:
      'staged: the other secret will sign; overlap: the other secret signed before; withdrawn: the promotion of the other secret was undone',
  })
  state: RotationState;
  @ApiProperty({ type: 'integer', description: 'Version of the secret that signs' }) signing_version: number;
  @ApiProperty({ type: 'integer', description: 'Version of the other accepted secret' }) other_version: number;
  @ApiProperty({ enum: PROMOTIONS, description: 'When a staged secret begins to sign' }) promotion: Promotion;
  @ApiProperty({ type: 'integer', description: 'How long the old secret is accepted after the new one has begun to sign, in seconds' })
  overlap_seconds: number;
  @ApiProperty({ type: String, format: 'date-time', nullable: true, description: 'When the staged secret begins to sign automatically' })
  promote_at: string | null;
  @ApiProperty({
    type: String,
    format: 'date-time',
    nullable: true,
    description: 'When the other secret is retired, if the promotion is acknowledged by then',
  })
  retire_at: string | null;
  @ApiProperty({
    type: RetirementView,
    nullable: true,
    description: 'What the retirement waits for, in addition to its time; null if the rotation is staged',
  })
  retirement: RetirementView | null;
  @ApiProperty({ type: [RotationVerifierView], description: 'Verifiers that were seen in the last 24 hours' })
  verifiers: RotationVerifierView[];
}

export class StagedRotationView extends RotationView {
  @ApiProperty({ description: 'New key, in plain text' }) sign_key: string;
  @ApiProperty({ description: 'New secret, in plain text; not shown again' }) sign_secret: string;
}

class VerificationVersionView implements VerificationVersion {
  @ApiProperty({ type: 'integer', description: 'Version' }) version: number;
  @ApiProperty({ enum: ['signing', 'staged', 'retiring'], description: 'Every key has exactly one secret that signs' })
  state: VerificationVersion['state'];
  @ApiProperty({ description: 'Key in plain text' }) sign_key: string;
  @ApiProperty({ description: 'Secret in plain text' }) sign_secret: string;
}

class VerificationKeyView implements VerificationKey {
  @ApiProperty({ description: 'Signature key' }) sign_id: string;
  @ApiProperty({ enum: SIGN_TYPES, description: 'Type of the key' }) sign_type: SignType;
  @ApiProperty({ type: String, enum: SIGN_ALGORITHMS, nullable: true, description: 'Cipher of an aes key' })
  sign_algorithm: SignAlgorithm | null;
  @ApiProperty({ type: [VerificationVersionView], description: 'The secrets; the one that signs comes first' })
  versions: VerificationVersionView[];
}

export class VerificationKeysView implements VerificationKeys {
  @ApiProperty({ description: 'Gateway' }) instance_id: string;
  @ApiProperty({ type: 'integer', description: 'Revision of the gateway in this response' }) revision: number;
  @ApiProperty({ type: [VerificationKeyView], description: 'All keys of the gateway' }) keys: VerificationKeyView[];
}
