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
import { EmptyIsAbsent } from '../common/pagination.js';

export const METHODS = ['password', 'token'] as const;
export type Method = (typeof METHODS)[number];

/** A long password costs time to hash; nobody types more than this. */
export const PASSWORD_MAX_CHARS = 1024;

/** An object of its own rules; an array, a text or `null` in its place is refused. */
const Nested = (type: () => new () => object) => applyDecorators(IsObject(), ValidateNested(), Type(type));
/** May be left out, but not be `null`. */
const MayBeLeftOut = () => ValidateIf((_, value: unknown) => value !== undefined);

/** A domain or a project by one of its two handles. */
class DomainReference {
  @ApiPropertyOptional({ description: 'Id; wins over the name' })
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
  @ApiPropertyOptional({ type: DomainReference, description: 'Owner of a project given by name; left out: the domain of the user' })
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
  @ApiProperty({ type: [String], enum: METHODS, minItems: 1, maxItems: 1, description: 'How the caller proves who it is' })
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

class AuthInput {
  @ApiProperty({ type: IdentityInput })
  @IsDefined()
  @Nested(() => IdentityInput)
  identity: IdentityInput;

  @ApiPropertyOptional({ type: ScopeInput, description: 'Exactly one of project and domain; left out: a token without a scope' })
  // keystoneauth asks for no scope in so many words.
  @Transform(({ value }: { value: unknown }) => (value === 'unscoped' ? undefined : value))
  @Nested(() => ScopeInput)
  @MayBeLeftOut()
  scope?: ScopeInput;
}

/** Body of `POST /v3/auth/tokens` (apig §6.1). */
export class TokenInput {
  @ApiProperty({ type: AuthInput })
  @IsDefined()
  @Nested(() => AuthInput)
  auth: AuthInput;
}

/** Query of issuing and of validating a token. */
export class TokenQuery {
  @ApiPropertyOptional({ description: 'Present, with or without a value: the answer has no catalog' })
  @IsOptional()
  nocatalog?: string;
}
