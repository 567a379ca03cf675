import { ApiProperty } from '@nestjs/swagger';
import { IsDefined, IsString, Length, MaxLength } from 'class-validator';
import { PASSCODE_MAX_CHARS, PASSWORD_MAX_CHARS } from './auth-tokens.dto.js';

export class TotpInput {
  @ApiProperty({ format: 'password', maxLength: PASSWORD_MAX_CHARS, description: 'Password of the caller' })
  @IsDefined()
  @IsString()
  @MaxLength(PASSWORD_MAX_CHARS)
  password: string;
}

export class TotpConfirmation {
  @ApiProperty({ minLength: 6, maxLength: 6, description: 'The code that the app shows' })
  @IsDefined()
  @IsString()
  @Length(6, 6)
  passcode: string;
}

export class TotpEnd extends TotpInput {
  @ApiProperty({ maxLength: PASSCODE_MAX_CHARS, description: 'The code that the app shows, or a recovery code' })
  @IsDefined()
  @IsString()
  @MaxLength(PASSCODE_MAX_CHARS)
  passcode: string;
}

export class TotpView {
  @ApiProperty({ description: 'Whether a password of the caller gives a token only together with a code' }) enabled: boolean;
  @ApiProperty({ type: 'integer', description: 'Recovery codes that are left' }) recovery_codes: number;
}

/** Shown once. */
export class NewTotpView {
  @ApiProperty({ description: 'Secret for the app, in base32' }) secret: string;
  @ApiProperty({ description: 'The same as a URI, for a QR code: `otpauth://totp/…`' }) uri: string;
}

/** Shown once. */
export class RecoveryCodesView {
  @ApiProperty({ type: [String], description: 'Each stands for a code of the app once' }) recovery_codes: string[];
}
