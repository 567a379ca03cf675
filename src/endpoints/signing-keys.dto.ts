import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsDefined, IsIn, IsInt, IsOptional, IsRFC3339, IsString, Max, MaxLength, Min, ValidateIf } from 'class-validator';
import { toMilliseconds } from '../common/clock.js';
import type { SigningKeyRow } from './signing-key-rows.js';
import { SIGNING_KEY_TYPES, type SigningKeyType } from './signing-key.entity.js';

const OVERLAP_SECONDS_MAX = 30 * 86_400;

export class SigningKeyView {
  @ApiProperty({ pattern: '^sk_[a-f0-9]{32}$', description: 'Signing key' }) id: string;
  @ApiProperty({ minLength: 4, maxLength: 4, description: 'Last four characters of its secret, or of its public key' }) key_hint: string;
  @ApiProperty({ format: 'date-time', description: 'When it was created' }) created_at: string;
}

export class NewSigningKeyView extends SigningKeyView {
  @ApiProperty({ description: 'The secret; it is not shown again' }) signing_secret: string;
}

/** Body of adding a key, beyond the contract. */
export class SigningKeyInput {
  @ApiPropertyOptional({
    enum: SIGNING_KEY_TYPES,
    description: 'hmac: a shared secret; ed25519: the receiver gets a public key. Default: as the secret, else hmac',
  })
  @IsIn(SIGNING_KEY_TYPES)
  @IsOptional()
  type?: SigningKeyType | null;

  @ApiPropertyOptional({
    maxLength: 128,
    description: 'A key made elsewhere: `whsec_` and base64 of 24 to 64 bytes, or `whsk_` and base64 of an Ed25519 key. Omitted: generated',
  })
  @MaxLength(128)
  @IsString()
  @IsOptional()
  secret?: string | null;

  @ApiPropertyOptional({
    type: 'integer',
    minimum: 0,
    maximum: OVERLAP_SECONDS_MAX,
    description: 'When the key that is there now signs no more. Omitted: when it is deleted',
  })
  @Max(OVERLAP_SECONDS_MAX)
  @Min(0)
  @IsInt()
  @IsOptional()
  overlap_seconds?: number | null;
}

/** Body of changing a key, beyond the contract. */
export class SigningKeyPatch {
  @ApiProperty({ type: 'string', format: 'date-time', nullable: true, description: 'From when on it signs no more; null: until deleted' })
  @IsRFC3339()
  @ValidateIf(({ expires_at }: SigningKeyPatch) => expires_at !== null)
  @IsDefined()
  expires_at: string | null;
}

/** A key with what the contract does not show. */
export class SigningKeyDetailView extends SigningKeyView {
  @ApiProperty({ enum: SIGNING_KEY_TYPES, description: 'What kind of key' }) type: SigningKeyType;
  @ApiProperty({ type: 'string', nullable: true, description: '`whpk_…` of an ed25519 key, for the receiver' }) public_key: string | null;
  @ApiProperty({ type: 'string', format: 'date-time', nullable: true, description: 'From when on it signs no more; null: until deleted' })
  expires_at: string | null;
  @ApiProperty({ type: 'string', format: 'date-time', nullable: true, description: 'When it last signed a delivery, to the minute' })
  last_used_at: string | null;
  @ApiProperty({ description: 'Who made it: a user, or an API key' }) created_by: string;
}

export class NewSigningKeyDetailView extends SigningKeyDetailView {
  @ApiProperty({ type: 'string', nullable: true, description: 'A generated hmac secret; it is not shown again. Else null' })
  signing_secret: string | null;
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
