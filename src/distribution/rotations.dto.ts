import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsInt, IsISO8601, IsOptional, IsString, Max, MaxLength, Min } from 'class-validator';
import { EmptyIsAbsent } from '../common/pagination.js';
import type { VerificationKey, VerificationKeys, VerificationVersion } from '../lib/protocol/protocol.js';
import { SIGN_ALGORITHMS, SIGN_TYPES, type SignAlgorithm, type SignType } from '../lib/signing/algorithms.js';
import { type Promotion, PROMOTIONS, ROTATION_STATES, type RotationState } from './sign-rotation.entity.js';

const OVERLAP_DEFAULT = 86_400;
const OVERLAP_MAX = 90 * 86_400;

export class RotationInput {
  @ApiPropertyOptional({ maxLength: 512, description: 'New key. Omitted: as it is for hmac and basic, generated for aes and public_key' })
  @EmptyIsAbsent()
  @MaxLength(512)
  @IsString()
  @IsOptional()
  sign_key?: string;

  @ApiPropertyOptional({ maxLength: 2048, description: 'New secret, by the rules of the key’s type. Omitted: generated' })
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
  @ApiPropertyOptional({ format: 'date-time', description: 'Omitted: now' })
  @IsISO8601({ strict: true })
  @IsOptional()
  at?: string;
}

class RotationVerifierView {
  @ApiProperty({ description: 'Credential' }) token_id: string;
  @ApiProperty({ description: 'As it calls itself; may be empty' }) name: string;
  @ApiProperty({ description: 'It has shown to hold both secrets' }) holds_both: boolean;
  @ApiProperty({ format: 'date-time', description: 'When it asked last' }) last_seen_at: string;
}

export class RotationView {
  @ApiProperty({ description: 'Signature key' }) sign_id: string;
  @ApiProperty({
    enum: ROTATION_STATES,
    description: 'staged: the other secret will sign; overlap: it did before; withdrawn: it did for a while, and was taken back',
  })
  state: RotationState;
  @ApiProperty({ type: 'integer', description: 'Version that signs' }) signing_version: number;
  @ApiProperty({ type: 'integer', description: 'Version that is accepted beside it' }) other_version: number;
  @ApiProperty({ enum: PROMOTIONS, description: 'When a staged secret begins to sign' }) promotion: Promotion;
  @ApiProperty({ type: 'integer', description: 'How long the old one is accepted after that' }) overlap_seconds: number;
  @ApiProperty({ type: String, format: 'date-time', nullable: true, description: 'When the staged secret begins to sign by itself' })
  promote_at: string | null;
  @ApiProperty({ type: String, format: 'date-time', nullable: true, description: 'When the other secret is not accepted any more' })
  retire_at: string | null;
  @ApiProperty({ type: [RotationVerifierView], description: 'Verifiers seen in the last 24 hours' }) verifiers: RotationVerifierView[];
}

export class StagedRotationView extends RotationView {
  @ApiProperty({ description: 'New key, in clear' }) sign_key: string;
  @ApiProperty({ description: 'New secret, in clear; later only verifiers are given it' }) sign_secret: string;
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
  @ApiProperty({ type: [VerificationVersionView], description: 'The one that signs first' }) versions: VerificationVersionView[];
}

export class VerificationKeysView implements VerificationKeys {
  @ApiProperty({ description: 'Gateway' }) instance_id: string;
  @ApiProperty({ type: 'integer', description: 'What is here is as of this revision' }) revision: number;
  @ApiProperty({ type: [VerificationKeyView], description: 'Every key of the gateway' }) keys: VerificationKeyView[];
}
