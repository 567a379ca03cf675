import { Controller, Get, Headers, Res } from '@nestjs/common';
import { ApiHeader, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { ForVerifier } from '../common/access.js';
import { Answers } from '../common/answers.js';
import { invalid } from '../common/api-error.js';
import { type Machine, MachineOf } from '../common/principal.js';
import { NODE_ID } from './gateways.dto.js';
import { VerificationKeysView } from './rotations.dto.js';
import { VerificationKeysService } from './verification-keys.service.js';

const ETAG_HEADER = { headers: { ETag: { description: 'Names what the verifier now holds', schema: { type: 'string' as const } } } };

@ApiTags('Distribution')
@Controller('/signet/v1/instances/:instance_id/verification-keys')
export class VerificationKeysController {
  constructor(private readonly verification: VerificationKeysService) {}

  @Get()
  @ForVerifier()
  @Answers(
    200,
    VerificationKeysView,
    'ListVerificationKeys',
    'Give a verifier every secret that it accepts',
    [invalid('Signet-Verifier', { where: 'query' })],
    ETAG_HEADER,
  )
  @ApiResponse({ status: 304, description: 'Not Modified' })
  @ApiHeader({ name: 'If-None-Match', required: false, description: 'ETag of what the verifier holds', schema: { type: 'string' } })
  @ApiHeader({
    name: 'Signet-Verifier',
    required: false,
    description: 'Tells verifiers of one credential apart',
    schema: { type: 'string' },
  })
  async list(
    @MachineOf() machine: Machine,
    @Headers('if-none-match') held: string | undefined,
    @Headers('signet-verifier') name: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<VerificationKeysView | undefined> {
    if (name !== undefined && !NODE_ID.test(name)) throw invalid('Signet-Verifier', { where: 'query' });
    const { etag, keys } = await this.verification.get(machine, name ?? '', held);
    void reply.header('etag', etag).status(keys ? 200 : 304);
    return keys;
  }
}
