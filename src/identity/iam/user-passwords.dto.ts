import { ApiProperty } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsDefined, IsObject, IsString, Length, MaxLength, ValidateNested } from 'class-validator';
import { PASSWORD_MAX_CHARS, PASSWORD_MIN_CHARS } from './auth-tokens.dto.js';

class ChangedPassword {
  @ApiProperty({ format: 'password', minLength: PASSWORD_MIN_CHARS, maxLength: PASSWORD_MAX_CHARS, description: 'The new password' })
  @IsDefined()
  @IsString()
  @Length(PASSWORD_MIN_CHARS, PASSWORD_MAX_CHARS)
  password: string;

  @ApiProperty({ format: 'password', maxLength: PASSWORD_MAX_CHARS, description: 'The old password' })
  @IsDefined()
  @IsString()
  @MaxLength(PASSWORD_MAX_CHARS)
  original_password: string;
}

/** Body of `POST /v3/users/{user_id}/password`. */
export class UserPasswordInput {
  @ApiProperty({ type: ChangedPassword })
  @IsDefined()
  @IsObject()
  @ValidateNested()
  @Type(() => ChangedPassword)
  user: ChangedPassword;
}
