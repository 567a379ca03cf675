import { Body, Controller, Delete, Get, Header, Headers, HttpCode, Post, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Authenticated, Public } from '../common/access.js';
import { type Caller, CallerOf } from '../common/principal.js';
import { TokenInput, TokenQuery } from './auth-tokens.dto.js';
import { AuthTokensService } from './auth-tokens.service.js';
import type { TokenAnswerView } from './auth-tokens.views.js';

const SUBJECT_TOKEN = 'X-Subject-Token';

@Controller('/v3/auth/tokens')
export class AuthTokensController {
  constructor(private readonly tokens: AuthTokensService) {}

  @Post()
  @Public()
  @Header('cache-control', 'no-store')
  async issue(
    @Body() input: TokenInput,
    @Query() { nocatalog }: TokenQuery,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<TokenAnswerView> {
    const { token, session } = await this.tokens.issue(input);
    void reply.header(SUBJECT_TOKEN, token);
    return this.tokens.view(session, nocatalog === undefined);
  }

  @Get()
  @Authenticated()
  @Header('cache-control', 'no-store')
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
  @HttpCode(204)
  @Authenticated()
  revoke(@Headers(SUBJECT_TOKEN) subjectToken: string | undefined, @CallerOf() { principal }: Caller): Promise<void> {
    return this.tokens.revoke(subjectToken, principal);
  }
}
