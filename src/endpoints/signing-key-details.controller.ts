import { Body, Controller, Get, Param, Patch, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { ForProject } from '../common/access.js';
import { Answers } from '../common/answers.js';
import { type Caller, CallerOf } from '../common/principal.js';
import { InCallersProject, type ProjectScope } from '../common/scope.js';
import { SIGNING_KEY_ERRORS } from './endpoints.errors.js';
import { NewSigningKeyDetailView, SigningKeyDetailView, SigningKeyInput, SigningKeyListView, SigningKeyPatch } from './signing-keys.dto.js';
import { SigningKeysService } from './signing-keys.service.js';

/** What the contract has no place for: keys made elsewhere, Ed25519 keys, ends, who made a key and when it last signed. */
@ApiTags('Signing keys')
@Controller('/signet/v1/endpoints/:id/signing-keys')
export class SigningKeyDetailsController {
  constructor(private readonly keys: SigningKeysService) {}

  @Get()
  @ForProject('webhooks:signingKeys:list')
  @Answers(200, SigningKeyListView, 'ListSigningKeyDetails', 'List the signing keys of an endpoint in full', SIGNING_KEY_ERRORS.list)
  list(@InCallersProject() scope: ProjectScope, @Param('id') endpointId: string): Promise<SigningKeyListView> {
    return this.keys.listDetails({ ...scope, endpointId });
  }

  @Post()
  @ForProject('webhooks:signingKeys:create')
  @Answers(201, NewSigningKeyDetailView, 'AddSigningKey', 'Add a signing key of any kind', SIGNING_KEY_ERRORS.create)
  create(
    @InCallersProject() scope: ProjectScope,
    @Param('id') endpointId: string,
    @Body() input: SigningKeyInput,
    @CallerOf() caller: Caller,
  ): Promise<NewSigningKeyDetailView> {
    return this.keys.createWith({ ...scope, endpointId }, input, caller);
  }

  @Patch(':keyId')
  @ForProject('webhooks:signingKeys:update')
  @Answers(200, SigningKeyDetailView, 'UpdateSigningKey', 'Set or take back the end of a signing key', SIGNING_KEY_ERRORS.expire)
  expire(
    @InCallersProject() scope: ProjectScope,
    @Param('id') endpointId: string,
    @Param('keyId') keyId: string,
    @Body() patch: SigningKeyPatch,
    @CallerOf() caller: Caller,
  ): Promise<SigningKeyDetailView> {
    return this.keys.expire({ ...scope, endpointId }, keyId, patch, caller);
  }
}
