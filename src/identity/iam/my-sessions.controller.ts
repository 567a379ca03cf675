import { Controller, Delete, Get, Param, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Authenticated } from '../../platform/common/access.decorators.js';
import { Answers } from '../../platform/common/answers.js';
import { ApiFault, invalid } from '../../platform/common/api-error.js';
import { type Caller, CallerOf } from '../../platform/common/principal.js';
import { LoginSessionPageView, SessionQuery } from './my-sessions.dto.js';
import { MySessionsService } from './my-sessions.service.js';

@ApiTags('Identity')
@Controller('/signet/v1/me/sessions')
export class MySessionsController {
  constructor(private readonly sessions: MySessionsService) {}

  @Get()
  @Authenticated()
  @Answers(200, LoginSessionPageView, 'ListMySessions', 'List the login sessions of the caller, newest first', [
    invalid('cursor', { where: 'query' }),
  ])
  list(@Query() query: SessionQuery, @CallerOf() { principal }: Caller): Promise<LoginSessionPageView> {
    return this.sessions.list(query, principal);
  }

  @Delete(':session_id')
  @Authenticated()
  @Answers(
    204,
    undefined,
    'DeleteMySession',
    'End a login session of the caller, or that of this request (`current`), and revoke its tokens',
    [new ApiFault('not_found')],
  )
  end(@Param('session_id') id: string, @CallerOf() { principal }: Caller): Promise<void> {
    return this.sessions.end(id, principal);
  }
}
