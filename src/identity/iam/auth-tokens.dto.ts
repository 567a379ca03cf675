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
  ValidateBy,
  ValidateIf,
  ValidateNested,
} from 'class-validator';
import { EmptyIsAbsent } from '../../platform/common/pagination.js';

const METHODS = ['password', 'token', 'totp'] as const;
type Method = (typeof METHODS)[number];

/** Maximum length of a password, which limits the time of hashing. */
export const PASSWORD_MAX_CHARS = 1024;
/** Minimum length of new passwords. Existing shorter ones stay valid. */
export const PASSWORD_MIN_CHARS = 8;

/** More than a code of the app; a recovery code may be typed with spaces. */
export const PASSCODE_MAX_CHARS = 64;

const isLogin = (methods: unknown) =>
  Array.isArray(methods) && ['password', 'token', 'password,totp'].includes((methods as unknown[]).toSorted().join());

/** Property decorator: an object with rules of its own. An array, a string or `null` is refused. */
const Nested = (type: () => new () => object) => applyDecorators(IsObject(), ValidateNested(), Type(type));
/** Property decorator: the field may be absent, but not `null`. */
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
  @ApiPropertyOptional({ type: DomainReference, description: 'Domain of a project that is given by name. Default: the domain of the user' })
  @Nested(() => DomainReference)
  @MayBeLeftOut()
  domain?: DomainReference;
}

class PasswordUser extends DomainReference {
  @ApiPropertyOptional({ type: DomainReference, description: 'Domain of a user that is given by name' })
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

class TotpUser extends DomainReference {
  @ApiPropertyOptional({ type: DomainReference, description: 'Domain of a user given by name' })
  @Nested(() => DomainReference)
  @MayBeLeftOut()
  domain?: DomainReference;

  @ApiProperty({ maxLength: PASSCODE_MAX_CHARS, description: 'The code that the app shows, or a recovery code' })
  @IsDefined()
  @IsString()
  @MaxLength(PASSCODE_MAX_CHARS)
  passcode: string;
}

class TotpMethod {
  @ApiProperty({ type: TotpUser, description: 'The user of the password' })
  @IsDefined()
  @Nested(() => TotpUser)
  user: TotpUser;
}

class TokenMethod {
  @ApiProperty({ description: 'Token to exchange; the new token expires at the same time' })
  @IsDefined()
  @IsString()
  @IsNotEmpty()
  id: string;
}

class IdentityInput {
  @ApiProperty({
    type: [String],
    enum: METHODS,
    minItems: 1,
    maxItems: 2,
    description: 'How the caller authenticates: `password`, `password` with `totp`, or `token`',
  })
  @IsDefined()
  @IsArray()
  @ArrayNotEmpty()
  @ArrayMaxSize(2)
  @IsIn(METHODS, { each: true })
  @ValidateBy({ name: 'isLogin', validator: { validate: isLogin } })
  methods: Method[];

  @ApiPropertyOptional({ type: PasswordMethod, description: 'Required for the method `password`' })
  @Nested(() => PasswordMethod)
  @MayBeLeftOut()
  password?: PasswordMethod;

  @ApiPropertyOptional({ type: TotpMethod, description: 'Required for the method `totp`' })
  @Nested(() => TotpMethod)
  @MayBeLeftOut()
  totp?: TotpMethod;

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

  @ApiPropertyOptional({ type: DomainReference, description: 'The domain of the user' })
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

  @ApiPropertyOptional({ type: ScopeInput, description: 'Either project or domain. Default: a token without a scope' })
  // keystoneauth requests an unscoped token explicitly: `"unscoped"`, or `{"unscoped": {}}`.
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
