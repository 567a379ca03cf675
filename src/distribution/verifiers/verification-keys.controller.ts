import { Controller, Delete, Get, Headers, Req, Res } from '@nestjs/common';
import { ApiHeader, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ForVerifier } from '../../platform/common/access.decorators.js';
import { Answers } from '../../platform/common/answers.js';
import { ApiFault, invalid } from '../../platform/common/api-error.js';
import { type Machine, MachineOf } from '../../platform/common/principal.js';
import { preferredWait, WAIT_MAX_SECONDS } from '../../platform/receipts/receipt-path.js';
import { VerificationKeysView } from '../rotation/rotations.dto.js';
import { VerificationKeysService } from './verification-keys.service.js';
import { type VerifierProcess, VerifiersService } from './verifiers.service.js';

const ANSWER_HEADERS = {
  headers: {
    ETag: { description: 'Identifies the keys that the verifier now has', schema: { type: 'string' as const } },
    'Preference-Applied': { description: 'Present if `Prefer` had an effect', schema: { type: 'string' as const } },
  },
};

const NAME = /^(?:[A-Za-z0-9][A-Za-z0-9._:-]{0,63})?(?:\/[A-Za-z0-9_-]{8,64})?$/;
const MAX_AGE = /^[1-9]\d{0,6}$/;
const MAX_AGE_LEAST_SECONDS = 10;
const MAX_AGE_MOST_SECONDS = 30 * 86_400;

const NameHeader = () =>
  ApiHeader({
    name: 'Signet-Verifier',
    required: false,
    description:
      '`name/process`: the name of the verifier in receipts, and a random id that the process generates at its start (8 to 64 letters, digits, `_`, `-`). ' +
      'Without the id, a receipt cannot show whether all processes with this name refuse a key',
    schema: { type: 'string', example: 'orders-backend/3q2hZ8vX1cYk' },
  });

@ApiTags('Distribution')
@Controller('/signet/v1/instances/:instance_id/verification-keys')
export class VerificationKeysController {
  constructor(
    private readonly verification: VerificationKeysService,
    private readonly verifiers: VerifiersService,
  ) {}

  @Get()
  @ForVerifier()
  @Answers(
    200,
    VerificationKeysView,
    'ListVerificationKeys',
    'Get all secrets that a verifier accepts',
    [invalid('Signet-Verifier', { where: 'query' }), invalid('Signet-Max-Key-Age', { where: 'query' }), new ApiFault('conflict')],
    ANSWER_HEADERS,
  )
  @ApiResponse({ status: 304, description: 'Not Modified' })
  @ApiHeader({ name: 'If-None-Match', required: false, description: 'ETag of the keys that the verifier has', schema: { type: 'string' } })
  @NameHeader()
  @ApiHeader({
    name: 'Signet-Max-Key-Age',
    required: false,
    description:
      `Maximum age of the keys in seconds (${MAX_AGE_LEAST_SECONDS} to ${MAX_AGE_MOST_SECONDS}), after which the verifier refuses every request: ` +
      'receipts do not wait for a verifier that is silent for longer',
    schema: { type: 'integer' },
  })
  @ApiHeader({
    name: 'Prefer',
    required: false,
    description: `With \`wait=N\`, the response is sent when the keys differ from \`If-None-Match\`, or after N seconds (RFC 7240); the maximum is ${WAIT_MAX_SECONDS}`,
    schema: { type: 'string', example: 'wait=30' },
  })
  async list(
    @MachineOf() machine: Machine,
    @Headers('if-none-match') held: string | undefined,
    @Headers('signet-verifier') name: string | undefined,
    @Headers('signet-max-key-age') maxAge: string | undefined,
    @Headers('prefer') prefer: string | undefined,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<VerificationKeysView | undefined> {
    const process = { ...processOf(name), maxAgeSeconds: maxAgeOf(maxAge) };
    const seconds = preferredWait(prefer);
    const gone = new AbortController();
    const leave = () => gone.abort();
    request.raw.socket.once('close', leave);
    try {
      const { etag, keys } = await this.verification.get(machine, process, held, (seconds ?? 0) * 1000, gone.signal);
      if (seconds !== undefined) void reply.header('preference-applied', `wait=${seconds}`);
      void reply.header('etag', etag).status(keys ? 200 : 304);
      return keys;
    } finally {
      request.raw.socket.off('close', leave);
    }
  }

  @Delete()
  @ForVerifier()
  @Answers(204, undefined, 'LeaveVerification', 'Report that this verifier does not accept any keys any more', [
    invalid('Signet-Verifier', { where: 'query' }),
  ])
  @NameHeader()
  async leave(@MachineOf() machine: Machine, @Headers('signet-verifier') name: string | undefined): Promise<void> {
    await this.verifiers.recordLeft(machine, { ...processOf(name), maxAgeSeconds: null });
  }
}

/** @throws ApiFault 400 for a malformed header */
function processOf(header = ''): Pick<VerifierProcess, 'name' | 'processId'> {
  if (!NAME.test(header)) throw invalid('Signet-Verifier', { where: 'query' });
  const [name = '', processId = ''] = header.split('/');
  return { name, processId };
}

/** @throws ApiFault 400 for a malformed header */
function maxAgeOf(header: string | undefined): number | null {
  if (header === undefined) return null;
  const seconds = MAX_AGE.test(header) ? Number(header) : 0;
  if (seconds < MAX_AGE_LEAST_SECONDS || seconds > MAX_AGE_MOST_SECONDS) throw invalid('Signet-Max-Key-Age', { where: 'query' });
  return seconds;
}
