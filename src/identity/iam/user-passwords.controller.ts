import { Body, Controller, Param, Post, Req } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { Public } from '../../platform/common/access.decorators.js';
import { Answers } from '../../platform/common/answers.js';
import { BodyLimit, CREDENTIAL_BYTES } from '../../platform/common/body-limit.js';
import { PASSWORD_ERRORS } from './iam.answers.js';
import { UserPasswordInput } from './user-passwords.dto.js';
import { UserPasswordsService } from './user-passwords.service.js';

@ApiTags('Identity')
@Controller('/v3/users/:user_id/password')
export class UserPasswordsController {
  constructor(private readonly passwords: UserPasswordsService) {}

  /** Requires no token, as in Keystone: a user whose password must be changed gets no token. The old password is the proof. */
  @Post()
  @Public()
  @BodyLimit(CREDENTIAL_BYTES)
  @Answers(
    204,
    undefined,
    'KeystoneUpdateUserPassword',
    'Change the password of a user who knows it, and end the tokens of the user',
    PASSWORD_ERRORS,
  )
  change(@Param('user_id') userId: string, @Body() { user }: UserPasswordInput, @Req() { id, ip }: FastifyRequest): Promise<void> {
    return this.passwords.change(userId, user, { requestId: id, sourceAddress: ip });
  }
}
