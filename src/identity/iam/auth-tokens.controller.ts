import { Body, Controller, Delete, Get, Header, Headers, Post, Query, Req, Res } from '@nestjs/common';
import { ApiHeader, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Authenticated, Public } from '../../platform/common/access.decorators.js';
import { Answers } from '../../platform/common/answers.js';
import { BodyLimit, CREDENTIAL_BYTES } from '../../platform/common/body-limit.js';
import { type Caller, CallerOf } from '../../platform/common/principal.js';
import { TokenInput, TokenQuery } from './auth-tokens.dto.js';
import { AuthTokensService, VALIDATE } from './auth-tokens.service.js';
import { TokenAnswerView } from './auth-tokens.views.js';
import { TOKEN_ERRORS } from './iam.answers.js';

const SUBJECT_TOKEN = 'X-Subject-Token';
const SUBJECT_TOKEN_HEADER = { headers: { [SUBJECT_TOKEN]: { description: 'The token', schema: { type: 'string' } } } } as const;
const SUBJECT_TOKEN_PARAMETER = { name: SUBJECT_TOKEN, required: true, description: 'The token to show or revoke' };

@ApiTags('Identity')
@Controller('/v3/auth/tokens')
export class AuthTokensController {
  constructor(private readonly tokens: AuthTokensService) {}

  @Post()
  @Public()
  @BodyLimit(CREDENTIAL_BYTES)
  @Header('cache-control', 'no-store')
  @Answers(201, TokenAnswerView, 'KeystoneCreateToken', 'Issue a token', TOKEN_ERRORS.issue, SUBJECT_TOKEN_HEADER)
  async issue(
    @Body() input: TokenInput,
    @Query() { nocatalog }: TokenQuery,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<TokenAnswerView> {
    const { token, session } = await this.tokens.issue(input, {
      requestId: request.id,
      sourceAddress: request.ip,
      userAgent: request.headers['user-agent'] ?? '',
    });
    void reply.header(SUBJECT_TOKEN, token);
    return this.tokens.view(session, nocatalog === undefined);
  }

  @Get()
  @ApiHeader(SUBJECT_TOKEN_PARAMETER)
  @Authenticated(VALIDATE)
  @Header('cache-control', 'no-store')
  @Answers(
    200,
    TokenAnswerView,
    'KeystoneValidateToken',
    'Validate a token and show its content',
    TOKEN_ERRORS.subject,
    SUBJECT_TOKEN_HEADER,
  )
  async validate(
    @Headers(SUBJECT_TOKEN) subjectToken: string | undefined,
    @Query() { nocatalog }: TokenQuery,
    @CallerOf() { principal }: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<TokenAnswerView> {
    const session = await this.tokens.validate(subjectToken, principal);
    void reply.header(SUBJECT_TOKEN, subjectToken);
    return this.tokens.view(session, nocatalog === undefined);
  }

  @Delete()
  @ApiHeader(SUBJECT_TOKEN_PARAMETER)
  @Authenticated(VALIDATE)
  @Answers(204, undefined, 'KeystoneRevokeToken', 'Revoke a token', TOKEN_ERRORS.subject)
  revoke(@Headers(SUBJECT_TOKEN) subjectToken: string | undefined, @CallerOf() { principal }: Caller): Promise<void> {
    return this.tokens.revoke(subjectToken, principal);
  }
}
