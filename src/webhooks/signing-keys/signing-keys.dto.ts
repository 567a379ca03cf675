import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsDefined, IsIn, IsInt, IsOptional, IsRFC3339, IsString, Max, MaxLength, Min, ValidateIf } from 'class-validator';
import { toMilliseconds } from '../../platform/common/clock.js';
import type { SigningKeyRow } from './signing-key-rows.js';
import { SIGNING_KEY_TYPES, type SigningKeyType } from './signing-key.entity.js';

const OVERLAP_SECONDS_MAX = 30 * 86_400;

export class SigningKeyView {
  @ApiProperty({ pattern: '^sk_[a-f0-9]{32}$', description: 'Signing key' }) id: string;
  @ApiProperty({ minLength: 4, maxLength: 4, description: 'Last four characters of the secret, or of the public key of an ed25519 key' })
  key_hint: string;
  @ApiProperty({ format: 'date-time', description: 'When the key was created' }) created_at: string;
}

export class NewSigningKeyView extends SigningKeyView {
  @ApiProperty({ description: 'The secret; not shown again' }) signing_secret: string;
}

/** Body of adding a key. Not part of the contract. */
export class SigningKeyInput {
  @ApiPropertyOptional({
    enum: SIGNING_KEY_TYPES,
    description:
      'Type of the key: with hmac, the receiver gets a shared secret; with ed25519, it gets a public key. Default: the type of the given secret, or hmac',
  })
  @IsIn(SIGNING_KEY_TYPES)
  @IsOptional()
  type?: SigningKeyType | null;

  @ApiPropertyOptional({
    type: String,
    maxLength: 128,
    description:
      'Imported key: `whsec_` and the base64 of 24 to 64 bytes, or `whsk_` and the base64 of an Ed25519 key. Default: a generated key',
  })
  @MaxLength(128)
  @IsString()
  @IsOptional()
  secret?: string | null;

  @ApiPropertyOptional({
    type: 'integer',
    minimum: 0,
    maximum: OVERLAP_SECONDS_MAX,
    description: 'Seconds until the existing key expires. Default: the existing key does not expire',
  })
  @Max(OVERLAP_SECONDS_MAX)
  @Min(0)
  @IsInt()
  @IsOptional()
  overlap_seconds?: number | null;
}

/** Body of changing a key. Not part of the contract. */
export class SigningKeyPatch {
  @ApiProperty({
    type: 'string',
    format: 'date-time',
    nullable: true,
    description: 'When the key stops signing; null means that it signs until it is deleted',
  })
  @IsRFC3339()
  @ValidateIf(({ expires_at }: SigningKeyPatch) => expires_at !== null)
  @IsDefined()
  expires_at: string | null;
}

/** A key, with fields that are not part of the contract. */
export class SigningKeyDetailView extends SigningKeyView {
  @ApiProperty({ enum: SIGNING_KEY_TYPES, description: 'Type of the key' }) type: SigningKeyType;
  @ApiProperty({ type: 'string', nullable: true, description: 'Public key (`whpk_…`) of an ed25519 key, for the receiver' }) public_key:
    | string
    | null;
  @ApiProperty({
    type: 'string',
    format: 'date-time',
    nullable: true,
    description: 'When the key stops signing; null means that it signs until it is deleted',
  })
  expires_at: string | null;
  @ApiProperty({
    type: 'string',
    format: 'date-time',
    nullable: true,
    description: 'When the key last signed a delivery, accurate to a minute',
  })
  last_used_at: string | null;
  @ApiProperty({ description: 'Id of the user or API key that created the key' }) created_by: string;
}

export class NewSigningKeyDetailView extends SigningKeyDetailView {
  @ApiProperty({
    type: 'string',
    nullable: true,
    description: 'A generated hmac secret, which only this response contains; otherwise null',
  })
  signing_secret: string | null;
}

/** Result of a dry run of a deletion. */
export class DeletionPreviewView {
  @ApiProperty({ enum: [true], description: 'Always true: nothing was deleted' }) dry_run: true;
  @ApiProperty({ description: 'The key that would be deleted' }) id: string;
  @ApiProperty({ description: 'The remaining key' }) remaining_key_id: string;
  @ApiProperty({ description: 'Whether the expiry of the remaining key would be removed' }) remaining_key_keeps_no_end: boolean;
  @ApiProperty({
    type: 'string',
    format: 'date-time',
    nullable: true,
    description: 'When the key last signed a delivery, accurate to a minute',
  })
  last_used_at: string | null;
}

class RequestMeta {
  @ApiProperty({ description: 'Request' }) request_id: string;
}

export class DeletionPreviewBody {
  @ApiProperty({ type: DeletionPreviewView }) data: DeletionPreviewView;
  @ApiProperty({ type: RequestMeta }) meta: RequestMeta;
}

export class SigningKeyListView {
  @ApiProperty({ type: [SigningKeyDetailView], description: 'Newest first' }) signing_keys: SigningKeyDetailView[];
}

export const toView = ({ id, keyHint, createdAt }: Pick<SigningKeyRow, 'id' | 'keyHint' | 'createdAt'>): SigningKeyView => ({
  id,
  key_hint: keyHint,
  created_at: toMilliseconds(createdAt),
});

const instant = (epochMs: number | null) => (epochMs === null ? null : toMilliseconds(epochMs));

export const toDetailView = (row: SigningKeyRow): SigningKeyDetailView => ({
  ...toView(row),
  type: row.type,
  public_key: row.publicKey,
  expires_at: instant(row.expiresAt),
  last_used_at: instant(row.lastUsedAt),
  created_by: row.createdBy,
});
