import { Body, Controller, Get, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Authenticated } from '../../platform/common/access.decorators.js';
import { Answers } from '../../platform/common/answers.js';
import { type Caller, CallerOf } from '../../platform/common/principal.js';
import { TOTP_ERRORS } from './iam.answers.js';
import { NewTotpView, RecoveryCodesView, TotpConfirmation, TotpEnd, TotpInput, TotpView } from './my-totp.dto.js';
import { TotpService } from './totp.service.js';

@ApiTags('Identity')
@Controller('/signet/v1/me/totp')
export class MyTotpController {
  constructor(private readonly totp: TotpService) {}

  @Get()
  @Authenticated()
  @Answers(200, TotpView, 'ShowMyTotp', 'Show whether the caller has one-time passwords')
  show(@CallerOf() { principal }: Caller): Promise<TotpView> {
    return this.totp.show(principal.userId);
  }

  @Post()
  @Authenticated()
  @Answers(201, NewTotpView, 'CreateMyTotp', 'Generate a secret for one-time passwords, which its first code enables', TOTP_ERRORS)
  create(@Body() { password }: TotpInput, @CallerOf() caller: Caller): Promise<NewTotpView> {
    return this.totp.create(password, caller);
  }

  @Post('confirm')
  @Authenticated()
  @Answers(200, RecoveryCodesView, 'ConfirmMyTotp', 'Enable one-time passwords by the first code of the app', TOTP_ERRORS)
  async confirm(@Body() { passcode }: TotpConfirmation, @CallerOf() caller: Caller): Promise<RecoveryCodesView> {
    return { recovery_codes: await this.totp.confirm(passcode, caller) };
  }

  @Post('disable')
  @Authenticated()
  @Answers(204, undefined, 'DisableMyTotp', 'Disable one-time passwords', TOTP_ERRORS)
  disable(@Body() input: TotpEnd, @CallerOf() caller: Caller): Promise<void> {
    return this.totp.disable(input, caller);
  }
}
