import { Body, Controller, Get, Param, Patch, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { ForProject } from '../../platform/common/access.decorators.js';
import { Answers } from '../../platform/common/answers.js';
import { type Caller, CallerOf } from '../../platform/common/principal.js';
import { InCallersProject, type ProjectScope } from '../../platform/common/scope.js';
import type { Committed } from '../../platform/common/committed.js';
import { RECEIPT_HEADERS, WithReceipt } from '../../platform/receipts/with-receipt.js';
import { SIGNING_KEY_ERRORS } from './signing-keys.errors.js';
import { NewSigningKeyDetailView, SigningKeyDetailView, SigningKeyInput, SigningKeyListView, SigningKeyPatch } from './signing-keys.dto.js';
import { SigningKeysService } from './signing-keys.service.js';

/** Imported keys, Ed25519 keys, expiry and usage of signing keys. Not part of the contract. */
@ApiTags('Signing keys')
@Controller('/signet/v1/endpoints/:id/signing-keys')
export class SigningKeyDetailsController {
  constructor(private readonly keys: SigningKeysService) {}

  @Get()
  @ForProject('webhooks:signingKeys:list')
  @Answers(
    200,
    SigningKeyListView,
    'ListSigningKeyDetails',
    'List the signing keys of an endpoint with all their fields',
    SIGNING_KEY_ERRORS.list,
  )
  list(@InCallersProject() scope: ProjectScope, @Param('id') endpointId: string): Promise<SigningKeyListView> {
    return this.keys.listDetails({ ...scope, endpointId });
  }

  @Post()
  @ForProject('webhooks:signingKeys:create')
  @Answers(201, NewSigningKeyDetailView, 'AddSigningKey', 'Add a signing key of any type', SIGNING_KEY_ERRORS.add, RECEIPT_HEADERS)
  @WithReceipt()
  create(
    @InCallersProject() scope: ProjectScope,
    @Param('id') endpointId: string,
    @Body() input: SigningKeyInput,
    @CallerOf() caller: Caller,
  ): Promise<Committed<NewSigningKeyDetailView>> {
    return this.keys.createWith({ ...scope, endpointId }, input, caller);
  }

  @Patch(':keyId')
  @ForProject('webhooks:signingKeys:update')
  @Answers(
    200,
    SigningKeyDetailView,
    'UpdateSigningKey',
    'Set or remove the expiry of a signing key',
    SIGNING_KEY_ERRORS.expire,
    RECEIPT_HEADERS,
  )
  @WithReceipt()
  expire(
    @InCallersProject() scope: ProjectScope,
    @Param('id') endpointId: string,
    @Param('keyId') keyId: string,
    @Body() patch: SigningKeyPatch,
    @CallerOf() caller: Caller,
  ): Promise<Committed<SigningKeyDetailView>> {
    return this.keys.expire({ ...scope, endpointId }, keyId, patch, caller);
  }
}
