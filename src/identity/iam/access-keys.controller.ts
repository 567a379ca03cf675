import { Body, Controller, Delete, Get, Headers, Param, Post, Put, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Authenticated } from '../../platform/common/access.decorators.js';
import { Answers } from '../../platform/common/answers.js';
import { type Caller, CallerOf } from '../../platform/common/principal.js';
import {
  CredentialAnswerView,
  CredentialChangeInput,
  CredentialInput,
  CredentialListView,
  CredentialQuery,
  NewCredentialAnswerView,
  SecurityTokenInput,
  TemporaryCredentialAnswerView,
} from './access-keys.dto.js';
import { AccessKeysService, CREDENTIAL_ACTIONS } from './access-keys.service.js';
import { ACCESS_KEY_ERRORS } from './iam.answers.js';

@ApiTags('Access keys')
@Controller('/v3.0/OS-CREDENTIAL')
export class AccessKeysController {
  constructor(private readonly accessKeys: AccessKeysService) {}

  @Post('credentials')
  @Authenticated(CREDENTIAL_ACTIONS.create)
  @Answers(
    201,
    NewCredentialAnswerView,
    'CreatePermanentAccessKey',
    'Create an access key; only this response contains its secret',
    ACCESS_KEY_ERRORS.create,
  )
  create(@Body() input: CredentialInput, @CallerOf() caller: Caller): Promise<NewCredentialAnswerView> {
    return this.accessKeys.create(input, caller);
  }

  @Get('credentials')
  @Authenticated(CREDENTIAL_ACTIONS.list)
  @Answers(200, CredentialListView, 'ListPermanentAccessKeys', 'List the access keys of a user, without secrets', ACCESS_KEY_ERRORS.read)
  list(@Query() { user_id }: CredentialQuery, @CallerOf() caller: Caller): Promise<CredentialListView> {
    return this.accessKeys.list(user_id, caller);
  }

  @Get('credentials/:access_key')
  @Authenticated(CREDENTIAL_ACTIONS.show)
  @Answers(200, CredentialAnswerView, 'ShowPermanentAccessKey', 'Show an access key, without its secret', ACCESS_KEY_ERRORS.read)
  show(@Param('access_key') accessKey: string, @CallerOf() caller: Caller): Promise<CredentialAnswerView> {
    return this.accessKeys.show(accessKey, caller);
  }

  @Put('credentials/:access_key')
  @Authenticated(CREDENTIAL_ACTIONS.update)
  @Answers(
    200,
    CredentialAnswerView,
    'UpdatePermanentAccessKey',
    'Enable or disable an access key, or change its description',
    ACCESS_KEY_ERRORS.change,
  )
  update(
    @Param('access_key') accessKey: string,
    @Body() input: CredentialChangeInput,
    @CallerOf() caller: Caller,
  ): Promise<CredentialAnswerView> {
    return this.accessKeys.update(accessKey, input, caller);
  }

  @Delete('credentials/:access_key')
  @Authenticated(CREDENTIAL_ACTIONS.delete)
  @Answers(204, undefined, 'DeletePermanentAccessKey', 'Delete an access key', ACCESS_KEY_ERRORS.change)
  delete(@Param('access_key') accessKey: string, @CallerOf() caller: Caller): Promise<void> {
    return this.accessKeys.delete(accessKey, caller);
  }

  @Post('securitytokens')
  @Authenticated()
  @Answers(201, TemporaryCredentialAnswerView, 'CreateTemporaryAccessKeyByToken', 'Create a temporary access key from a token')
  createTemporary(
    @Body() input: SecurityTokenInput,
    @Headers('X-Auth-Token') token: string | undefined,
    @CallerOf() caller: Caller,
  ): Promise<TemporaryCredentialAnswerView> {
    return this.accessKeys.createTemporary(input, token, caller);
  }
}
