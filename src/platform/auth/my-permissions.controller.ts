import { Controller, Get } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Authenticated } from '../common/access.decorators.js';
import { dependenciesOf, aliasesOf } from '../common/action-names.js';
import { Answers } from '../common/answers.js';
import { type Caller, CallerOf } from '../common/principal.js';
import { Actions } from './actions.js';
import { MyPermissionsView } from './my-permissions.dto.js';
import { Permissions } from './permissions.js';

@ApiTags('Permissions')
@Controller('/signet/v1/me')
export class MyPermissionsController {
  constructor(
    private readonly actions: Actions,
    private readonly permissions: Permissions,
  ) {}

  @Get('permissions')
  @Authenticated()
  @Answers(200, MyPermissionsView, 'ShowMyPermissions', 'Show what the caller may do, and which statement decides')
  async show(@CallerOf() { principal }: Caller): Promise<MyPermissionsView> {
    const held = await this.permissions.of(principal);
    const permissions = this.actions.all.map((action) => ({
      action,
      spellings: aliasesOf(action),
      allowed: held.allows(action),
      decided_by: held.decidedBy(action) ?? null,
      missing: dependenciesOf(action).filter((each) => held.decidedBy(each)?.effect !== 'Allow'),
    }));
    return { user_id: principal.userId, project_id: principal.projectId ?? null, roles: principal.roles, permissions };
  }
}
