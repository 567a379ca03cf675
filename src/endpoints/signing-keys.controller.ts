import { Controller, Delete, Get, Param, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { ForProject } from '../common/access.js';
import { Answers } from '../common/answers.js';
import { AnswersEnvelope } from '../common/envelope.js';
import { type Caller, CallerOf } from '../common/principal.js';
import { InCallersProject, type ProjectScope } from '../common/scope.js';
import { SIGNING_KEY_ERRORS } from './endpoints.errors.js';
import { NewSigningKeyView, SigningKeyView } from './signing-keys.dto.js';
import { SigningKeysService } from './signing-keys.service.js';

@ApiTags('Signing keys')
@Controller('/v1/endpoints/:id/signing-keys')
export class SigningKeysController {
  constructor(private readonly keys: SigningKeysService) {}

  @Get()
  @ForProject('webhooks:signingKeys:list')
  @AnswersEnvelope(
    200,
    SigningKeyView,
    'ListEndpointSigningKeys',
    'List the signing keys of an endpoint, newest first',
    SIGNING_KEY_ERRORS.list,
    {
      of: 'list',
    },
  )
  list(@InCallersProject() scope: ProjectScope, @Param('id') endpointId: string): Promise<SigningKeyView[]> {
    return this.keys.list({ ...scope, endpointId });
  }

  @Post()
  @ForProject('webhooks:signingKeys:create')
  @AnswersEnvelope(
    201,
    NewSigningKeyView,
    'CreateEndpointSigningKey',
    'Add a signing key; every delivery is signed with both from now on',
    SIGNING_KEY_ERRORS.create,
  )
  create(@InCallersProject() scope: ProjectScope, @Param('id') endpointId: string, @CallerOf() caller: Caller): Promise<NewSigningKeyView> {
    return this.keys.create({ ...scope, endpointId }, caller);
  }

  @Delete(':keyId')
  @ForProject('webhooks:signingKeys:delete')
  @Answers(
    204,
    undefined,
    'DeleteEndpointSigningKey',
    'Delete an endpoint signing key. You cannot delete the last remaining key.',
    SIGNING_KEY_ERRORS.delete,
  )
  delete(
    @InCallersProject() scope: ProjectScope,
    @Param('id') endpointId: string,
    @Param('keyId') keyId: string,
    @CallerOf() caller: Caller,
  ): Promise<void> {
    return this.keys.delete({ ...scope, endpointId }, keyId, caller);
  }
}
