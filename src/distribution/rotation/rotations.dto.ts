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
    description: 'New key. If omitted, it is unchanged for hmac and basic, and generated for aes and public_key',
  })
  @EmptyIsAbsent()
  @MaxLength(512)
  @IsString()
  @IsOptional()
  sign_key?: string;

  @ApiPropertyOptional({ maxLength: 2048, description: 'New secret, by the rules of the key’s type; generated if omitted' })
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
    description: 'How long verifiers accept the old secret once the new one signs, in seconds',
  })
  @Min(0)
  @Max(OVERLAP_MAX)
  @IsInt()
  @IsOptional()
  overlap_seconds: number = OVERLAP_DEFAULT;

  @ApiPropertyOptional({
    enum: PROMOTIONS,
    default: 'manual',
    description: 'When the new secret begins to sign: at POST …/promote, at promote_at, or once every verifier seen lately holds it',
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
  @ApiPropertyOptional({ format: 'date-time', description: 'Now, if omitted' })
  @IsISO8601({ strict: true })
  @IsOptional()
  at?: string;
}

export class RetirementInput {
  @ApiPropertyOptional({
    default: false,
    description: 'Retire the secret even if nodes or verifiers have not acknowledged the promotion; the audit trail records these',
  })
  @IsBoolean()
  @IsOptional()
  force?: boolean;
}

class AwaitedView {
  @ApiProperty({ enum: ['session', 'verifier'], description: 'A process that signs, or one that verifies' }) kind: 'session' | 'verifier';
  @ApiProperty({ description: 'The id to vouch for it' }) id: string;
  @ApiProperty({ description: 'The name that the process uses for itself; may be empty' }) name: string;
  @ApiProperty({ format: 'date-time', description: 'When the process was last seen' }) last_seen_at: string;
}

export class RetirementView {
  @ApiProperty({ type: 'integer', description: 'From this revision on the secret of signing_version signs' }) promoted_revision: number;
  @ApiProperty({ description: 'Receipt of that revision' }) receipt: string;
  @ApiProperty({ enum: ['complete', 'behind'], description: 'complete means that no process signs with the other secret any more' })
  signers: 'complete' | 'behind';
  @ApiProperty({
    enum: ['complete', 'behind', 'none_known'],
    description: 'complete means that every known verifier has confirmed the secret that signs',
  })
  verifiers: 'complete' | 'behind' | 'none_known';
  @ApiProperty({ type: 'integer', description: 'Number of processes that have not acknowledged the promotion' }) total: number;
  @ApiProperty({
    type: [AwaitedView],
    description:
      'The processes that have not acknowledged it, at most 100. If it is empty while signers are behind, the receipt is open for another reason, such as a restore',
  })
  waits_for: AwaitedView[];
}

class RotationVerifierView {
  @ApiProperty({ description: 'Credential' }) token_id: string;
  @ApiProperty({ description: 'The name that the process uses for itself; may be empty' }) name: string;
  @ApiProperty({ description: 'Id of the process; empty if it sends none' }) process_id: string;
  @ApiProperty({ description: 'Whether it has confirmed both secrets' }) holds_both: boolean;
  @ApiProperty({ format: 'date-time', description: 'When it asked last' }) last_seen_at: string;
}

export class RotationView {
  @ApiProperty({ description: 'Signature key' }) sign_id: string;
  @ApiProperty({
    enum: ROTATION_STATES,
    description: 'staged means that the other secret will sign, overlap that it signed before, withdrawn that its promotion was undone',
  })
  state: RotationState;
  @ApiProperty({ type: 'integer', description: 'Version that signs' }) signing_version: number;
  @ApiProperty({ type: 'integer', description: 'Version of the other accepted secret' }) other_version: number;
  @ApiProperty({ enum: PROMOTIONS, description: 'When a staged secret begins to sign' }) promotion: Promotion;
  @ApiProperty({ type: 'integer', description: 'How long the old one is accepted after that' }) overlap_seconds: number;
  @ApiProperty({ type: String, format: 'date-time', nullable: true, description: 'When the staged secret begins to sign automatically' })
  promote_at: string | null;
  @ApiProperty({
    type: String,
    format: 'date-time',
    nullable: true,
    description: 'When the other secret is retired, if the promotion is acknowledged then',
  })
  retire_at: string | null;
  @ApiProperty({
    type: RetirementView,
    nullable: true,
    description: 'What the retirement waits for in addition to its time; null if the rotation is staged',
  })
  retirement: RetirementView | null;
  @ApiProperty({ type: [RotationVerifierView], description: 'Verifiers seen in the last 24 hours' }) verifiers: RotationVerifierView[];
}

export class StagedRotationView extends RotationView {
  @ApiProperty({ description: 'New key, in plain text' }) sign_key: string;
  @ApiProperty({ description: 'New secret, in plain text; shown only once' }) sign_secret: string;
}

class VerificationVersionView implements VerificationVersion {
  @ApiProperty({ type: 'integer', description: 'Version' }) version: number;
  @ApiProperty({ enum: ['signing', 'staged', 'retiring'], description: 'Every key has exactly one that signs' })
  state: VerificationVersion['state'];
  @ApiProperty({ description: 'Key, in clear' }) sign_key: string;
  @ApiProperty({ description: 'Secret, in clear' }) sign_secret: string;
}

class VerificationKeyView implements VerificationKey {
  @ApiProperty({ description: 'Signature key' }) sign_id: string;
  @ApiProperty({ enum: SIGN_TYPES, description: 'How the key signs' }) sign_type: SignType;
  @ApiProperty({ type: String, enum: SIGN_ALGORITHMS, nullable: true, description: 'Cipher of an aes key' })
  sign_algorithm: SignAlgorithm | null;
  @ApiProperty({ type: [VerificationVersionView], description: 'The secrets, of which the signing one comes first' })
  versions: VerificationVersionView[];
}

export class VerificationKeysView implements VerificationKeys {
  @ApiProperty({ description: 'Gateway' }) instance_id: string;
  @ApiProperty({ type: 'integer', description: 'The revision of this response' }) revision: number;
  @ApiProperty({ type: [VerificationKeyView], description: 'Every key of the gateway' }) keys: VerificationKeyView[];
}
