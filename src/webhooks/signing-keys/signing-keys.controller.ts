import { Controller, Delete, Get, Param, Post, Req, Res } from '@nestjs/common';
import { ApiQuery, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ForProject } from '../../platform/common/access.decorators.js';
import { Answers } from '../../platform/common/answers.js';
import { IGNORES_BODY } from '../../platform/common/body-text.js';
import { DryRuns, isDryRun } from '../../platform/common/dry-run.js';
import { AnswersEnvelope } from '../../platform/common/envelope.js';
import { type Caller, CallerOf } from '../../platform/common/principal.js';
import { routeConfig } from '../../platform/common/route-config.js';
import { InCallersProject, type ProjectScope } from '../../platform/common/scope.js';
import type { Committed } from '../../platform/common/committed.js';
import { RECEIPT_HEADERS, WithReceipt } from '../../platform/receipts/with-receipt.js';
import { SIGNING_KEY_ERRORS } from './signing-keys.errors.js';
import { DeletionPreviewBody, NewSigningKeyView, SigningKeyView } from './signing-keys.dto.js';
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
  @routeConfig(IGNORES_BODY)
  @AnswersEnvelope(
    201,
    NewSigningKeyView,
    'CreateEndpointSigningKey',
    'Add a signing key; later deliveries are signed with both keys',
    SIGNING_KEY_ERRORS.create,
    RECEIPT_HEADERS,
  )
  @WithReceipt()
  create(
    @InCallersProject() scope: ProjectScope,
    @Param('id') endpointId: string,
    @CallerOf() caller: Caller,
  ): Promise<Committed<NewSigningKeyView>> {
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
    RECEIPT_HEADERS,
  )
  @WithReceipt()
  @DryRuns()
  @ApiQuery({
    name: 'dry_run',
    required: false,
    enum: ['true', 'false'],
    description: 'If true, nothing is deleted, and the response shows the key that would remain',
  })
  @ApiResponse({ status: 200, type: DeletionPreviewBody, description: 'OK: a dry run' })
  async delete(
    @InCallersProject() scope: ProjectScope,
    @Param('id') endpointId: string,
    @Param('keyId') keyId: string,
    @CallerOf() caller: Caller,
    @Req() request: FastifyRequest<{ Querystring: { dry_run?: unknown } }>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<DeletionPreviewBody | Committed<void>> {
    const of = { ...scope, endpointId };
    if (!isDryRun(request.query.dry_run)) return this.keys.delete(of, keyId, caller);
    const data = await this.keys.previewDeletion(of, keyId);
    void reply.status(200);
    return { data, meta: { request_id: request.id } };
  }
}
