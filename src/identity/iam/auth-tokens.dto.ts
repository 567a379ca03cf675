import { applyDecorators } from '@nestjs/common';
import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Transform, Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayNotEmpty,
  IsArray,
  IsDefined,
  IsIn,
  IsNotEmpty,
  IsObject,
  IsOptional,
  IsString,
  MaxLength,
  ValidateIf,
  ValidateNested,
} from 'class-validator';
import { EmptyIsAbsent } from '../../platform/common/pagination.js';

const METHODS = ['password', 'token'] as const;
type Method = (typeof METHODS)[number];

/** Bounds the time that hashing a password takes. */
export const PASSWORD_MAX_CHARS = 1024;
/** Applies to new passwords; existing shorter ones stay valid. */
export const PASSWORD_MIN_CHARS = 8;

/** An object with rules of its own; an array, a text or `null` is refused. */
const Nested = (type: () => new () => object) => applyDecorators(IsObject(), ValidateNested(), Type(type));
/** Optional, but not `null`. */
const MayBeLeftOut = () => ValidateIf((_, value: unknown) => value !== undefined);

/** A domain or a project by id or name. */
class DomainReference {
  @ApiPropertyOptional({ description: 'Id; takes precedence over the name' })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  id?: string;

  @ApiPropertyOptional({ description: 'Name' })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  name?: string;
}

class ProjectReference extends DomainReference {
  @ApiPropertyOptional({ type: DomainReference, description: 'Owner of a project given by name; the domain of the user if omitted' })
  @Nested(() => DomainReference)
  @MayBeLeftOut()
  domain?: DomainReference;
}

class PasswordUser extends DomainReference {
  @ApiPropertyOptional({ type: DomainReference, description: 'Domain of a user given by name' })
  @Nested(() => DomainReference)
  @MayBeLeftOut()
  domain?: DomainReference;

  @ApiProperty({ format: 'password', maxLength: PASSWORD_MAX_CHARS })
  @IsDefined()
  @IsString()
  @MaxLength(PASSWORD_MAX_CHARS)
  password: string;
}

class PasswordMethod {
  @ApiProperty({ type: PasswordUser })
  @IsDefined()
  @Nested(() => PasswordUser)
  user: PasswordUser;
}

class TokenMethod {
  @ApiProperty({ description: 'A token to exchange; the new one expires with it' })
  @IsDefined()
  @IsString()
  @IsNotEmpty()
  id: string;
}

class IdentityInput {
  @ApiProperty({ type: [String], enum: METHODS, minItems: 1, maxItems: 1, description: 'How the caller authenticates' })
  @IsDefined()
  @IsArray()
  @ArrayNotEmpty()
  @ArrayMaxSize(1)
  @IsIn(METHODS, { each: true })
  methods: [Method];

  @ApiPropertyOptional({ type: PasswordMethod, description: 'Required for the method `password`' })
  @Nested(() => PasswordMethod)
  @MayBeLeftOut()
  password?: PasswordMethod;

  @ApiPropertyOptional({ type: TokenMethod, description: 'Required for the method `token`' })
  @Nested(() => TokenMethod)
  @MayBeLeftOut()
  token?: TokenMethod;
}

export class ScopeInput {
  @ApiPropertyOptional({ type: ProjectReference })
  @Nested(() => ProjectReference)
  @MayBeLeftOut()
  project?: ProjectReference;

  @ApiPropertyOptional({ type: DomainReference, description: 'The domain of the user itself' })
  @Nested(() => DomainReference)
  @MayBeLeftOut()
  domain?: DomainReference;
}

const isUnscoped = (scope: unknown) =>
  scope === 'unscoped' || (typeof scope === 'object' && scope !== null && Object.keys(scope).join() === 'unscoped');

class AuthInput {
  @ApiProperty({ type: IdentityInput })
  @IsDefined()
  @Nested(() => IdentityInput)
  identity: IdentityInput;

  @ApiPropertyOptional({ type: ScopeInput, description: 'Exactly one of project and domain; a token without a scope if omitted' })
  // keystoneauth asks for an unscoped token explicitly: `"unscoped"`, or `{"unscoped": {}}`.
  @Transform(({ obj, value }: { obj: { scope?: unknown }; value: unknown }) => (isUnscoped(obj.scope) ? undefined : value))
  @Nested(() => ScopeInput)
  @MayBeLeftOut()
  scope?: ScopeInput;
}

/** Body of `POST /v3/auth/tokens` (docs/contracts/apig.md §6.1). */
export class TokenInput {
  @ApiProperty({ type: AuthInput })
  @IsDefined()
  @Nested(() => AuthInput)
  auth: AuthInput;
}

/** Query of issuing and of validating a token. */
export class TokenQuery {
  @ApiPropertyOptional({ description: 'If present, with or without a value, the response has no catalog' })
  @IsOptional()
  nocatalog?: string;
}
