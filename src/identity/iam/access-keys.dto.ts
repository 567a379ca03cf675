import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayNotEmpty,
  IsArray,
  IsDefined,
  IsEmpty,
  IsIn,
  IsInt,
  IsObject,
  IsOptional,
  IsString,
  Max,
  MaxLength,
  Min,
  ValidateIf,
  ValidateNested,
} from 'class-validator';
import { toMicroseconds } from '../../platform/common/clock.js';
import { EmptyIsAbsent } from '../../platform/common/pagination.js';
import type { StoredAccessKey } from './access-key.entity.js';

const DESCRIPTION_MAX_CHARS = 255;
const STATUSES = ['active', 'inactive'] as const;
export type Status = (typeof STATUSES)[number];

/** Minimum, maximum and default lifetime of a temporary key, as in Huawei Cloud. */
export const DURATION_SECONDS = { min: 900, max: 86_400, default: 900 } as const;

/** Property decorator: the field may be absent, but not `null`. */
const MayBeLeftOut = () => ValidateIf((_, value: unknown) => value !== undefined);

class NewCredential {
  @ApiPropertyOptional({ description: 'Id of the owner of the key. Default: the caller' })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  user_id?: string;

  @ApiPropertyOptional({ maxLength: DESCRIPTION_MAX_CHARS, description: 'For people' })
  @IsString()
  @MaxLength(DESCRIPTION_MAX_CHARS)
  @MayBeLeftOut()
  description?: string;
}

export class CredentialInput {
  @ApiProperty({ type: NewCredential })
  @IsDefined()
  @IsObject()
  @ValidateNested()
  @Type(() => NewCredential)
  credential: NewCredential;
}

class CredentialChange {
  @ApiPropertyOptional({ enum: STATUSES, description: 'inactive: requests that the key has signed are refused' })
  @IsIn(STATUSES)
  @MayBeLeftOut()
  status?: Status;

  @ApiPropertyOptional({ maxLength: DESCRIPTION_MAX_CHARS, description: 'For people' })
  @IsString()
  @MaxLength(DESCRIPTION_MAX_CHARS)
  @MayBeLeftOut()
  description?: string;
}

export class CredentialChangeInput {
  @ApiProperty({ type: CredentialChange })
  @IsDefined()
  @IsObject()
  @ValidateNested()
  @Type(() => CredentialChange)
  credential: CredentialChange;
}

export class CredentialQuery {
  @ApiPropertyOptional({ description: 'Id of the owner of the keys. Default: the caller' })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  user_id?: string;
}

export class CredentialView {
  @ApiProperty({ description: 'The access key (AK)' }) access: string;
  @ApiProperty({ description: 'Id of the owner of the key' }) user_id: string;
  @ApiProperty({ enum: STATUSES, description: 'inactive: requests that the key has signed are refused' }) status: Status;
  @ApiProperty({ format: 'date-time', description: 'UTC, six fractional digits' }) create_time: string;
  @ApiProperty({ description: 'For people' }) description: string;
}

export class CredentialAnswerView {
  @ApiProperty({ type: CredentialView }) credential: CredentialView;
}

export class CredentialListView {
  @ApiProperty({ type: [CredentialView], description: 'Newest first' }) credentials: CredentialView[];
}

export class NewCredentialView extends CredentialView {
  @ApiProperty({ description: 'The secret key (SK); not shown again' }) secret: string;
}

export class NewCredentialAnswerView {
  @ApiProperty({ type: NewCredentialView }) credential: NewCredentialView;
}

export const toCredentialView = ({
  accessKey,
  userId,
  enabled,
  createdAt,
  description,
}: Pick<StoredAccessKey, 'accessKey' | 'userId' | 'createdAt' | 'description'> & { enabled: boolean | number }): CredentialView => ({
  access: accessKey,
  user_id: userId,
  status: enabled ? 'active' : 'inactive',
  create_time: toMicroseconds(createdAt),
  description,
});

class SecurityTokenSource {
  @ApiPropertyOptional({ description: 'A token of the caller. Default: the token in X-Auth-Token' })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  id?: string;

  @ApiPropertyOptional({
    type: 'integer',
    minimum: DURATION_SECONDS.min,
    maximum: DURATION_SECONDS.max,
    default: DURATION_SECONDS.default,
    description: 'Lifetime of the key in seconds; the key ends together with the token at the latest',
  })
  @IsInt()
  @Min(DURATION_SECONDS.min)
  @Max(DURATION_SECONDS.max)
  @MayBeLeftOut()
  duration_seconds?: number;
}

class SecurityTokenIdentity {
  @ApiProperty({ type: [String], enum: ['token'], minItems: 1, maxItems: 1 })
  @IsDefined()
  @IsArray()
  @ArrayNotEmpty()
  @ArrayMaxSize(1)
  @IsIn(['token'], { each: true })
  methods: ['token'];

  @ApiPropertyOptional({ type: SecurityTokenSource })
  @IsObject()
  @ValidateNested()
  @Type(() => SecurityTokenSource)
  @MayBeLeftOut()
  token?: SecurityTokenSource;

  /** Refused, because ignoring it would create a key with more rights than requested. */
  @ApiPropertyOptional({ type: 'object', additionalProperties: true, description: 'Not supported: a request with this field is refused' })
  @IsEmpty()
  policy?: never;
}

class SecurityTokenAuth {
  @ApiProperty({ type: SecurityTokenIdentity })
  @IsDefined()
  @IsObject()
  @ValidateNested()
  @Type(() => SecurityTokenIdentity)
  identity: SecurityTokenIdentity;
}

/** Body of `POST /v3.0/OS-CREDENTIAL/securitytokens`. */
export class SecurityTokenInput {
  @ApiProperty({ type: SecurityTokenAuth })
  @IsDefined()
  @IsObject()
  @ValidateNested()
  @Type(() => SecurityTokenAuth)
  auth: SecurityTokenAuth;
}

export class TemporaryCredentialView {
  @ApiProperty({ description: 'The access key (AK)' }) access: string;
  @ApiProperty({ description: 'The secret key (SK); not shown again' }) secret: string;
  @ApiProperty({ description: 'Value for `X-Security-Token` in every request that the key signs' }) securitytoken: string;
  @ApiProperty({ format: 'date-time', description: 'UTC, six fractional digits' }) expires_at: string;
}

export class TemporaryCredentialAnswerView {
  @ApiProperty({ type: TemporaryCredentialView }) credential: TemporaryCredentialView;
}
