import { Controller, Delete, Get, Head, Param, Put } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { AllowInDomain } from '../../platform/common/access.decorators.js';
import { Answers } from '../../platform/common/answers.js';
import { type Caller, CallerOf } from '../../platform/common/principal.js';
import { Config } from '../../platform/config/config.js';
import { ASSIGNMENT_ACTIONS, type AssignmentPath, AssignmentsService, type HolderKind } from './assignments.service.js';
import { ACCESS_ERRORS } from './iam.answers.js';
import { HeldRoleListView, toHeldRolesView } from './policies.dto.js';

const { list, check, grant, revoke } = ASSIGNMENT_ACTIONS;

/**
 * Roles of groups and users in a project. The token may be scoped to the domain or to any project in it. The caller's rights in the project
 * of the path decide.
 */
@ApiTags('Groups, policies and roles')
@Controller('/v3/projects/:project_id')
export class AssignmentsController {
  readonly #base: string;

  constructor(
    config: Config,
    private readonly assignments: AssignmentsService,
  ) {
    this.#base = `${config.publicUrl}/v3`;
  }

  @Get('groups/:group_id/roles')
  @AllowInDomain(list.group)
  @Answers(200, HeldRoleListView, 'KeystoneListProjectPermissionsForGroup', 'List the roles of a group', ACCESS_ERRORS.one)
  groupRoles(
    @Param('project_id') project: string,
    @Param('group_id') group: string,
    @CallerOf() caller: Caller,
  ): Promise<HeldRoleListView> {
    return this.list(pathOf('group', project, group, caller), caller);
  }

  @Head('groups/:group_id/roles/:role_id')
  @AllowInDomain(check.group)
  @Answers(204, undefined, 'KeystoneCheckProjectPermissionForGroup', 'Check whether a group has a role', ACCESS_ERRORS.one)
  checkGroup(
    @Param('project_id') project: string,
    @Param('group_id') group: string,
    @Param('role_id') role: string,
    @CallerOf() caller: Caller,
  ): Promise<void> {
    return this.assignments.assertHeld(pathOf('group', project, group, caller), role, caller);
  }

  @Put('groups/:group_id/roles/:role_id')
  @AllowInDomain(grant.group)
  @Answers(204, undefined, 'UpdateProjectPermissionForGroup', 'Grant a role to a group', ACCESS_ERRORS.change)
  async grantToGroup(
    @Param('project_id') project: string,
    @Param('group_id') group: string,
    @Param('role_id') role: string,
    @CallerOf() caller: Caller,
  ): Promise<void> {
    await this.assignments.grant(pathOf('group', project, group, caller), role, caller);
  }

  @Delete('groups/:group_id/roles/:role_id')
  @AllowInDomain(revoke.group)
  @Answers(204, undefined, 'KeystoneRemoveProjectPermissionFromGroup', 'Revoke a role from a group', ACCESS_ERRORS.change)
  revokeFromGroup(
    @Param('project_id') project: string,
    @Param('group_id') group: string,
    @Param('role_id') role: string,
    @CallerOf() caller: Caller,
  ): Promise<void> {
    return this.assignments.take(pathOf('group', project, group, caller), role, caller);
  }

  @Get('users/:user_id/roles')
  @AllowInDomain(list.user)
  @Answers(
    200,
    HeldRoleListView,
    'KeystoneListProjectPermissionsForUser',
    'List the roles that are assigned to a user directly',
    ACCESS_ERRORS.one,
  )
  userRoles(@Param('project_id') project: string, @Param('user_id') user: string, @CallerOf() caller: Caller): Promise<HeldRoleListView> {
    return this.list(pathOf('user', project, user, caller), caller);
  }

  @Head('users/:user_id/roles/:role_id')
  @AllowInDomain(check.user)
  @Answers(
    204,
    undefined,
    'KeystoneCheckProjectPermissionForUser',
    'Check whether a role is assigned to a user directly',
    ACCESS_ERRORS.one,
  )
  checkUser(
    @Param('project_id') project: string,
    @Param('user_id') user: string,
    @Param('role_id') role: string,
    @CallerOf() caller: Caller,
  ): Promise<void> {
    return this.assignments.assertHeld(pathOf('user', project, user, caller), role, caller);
  }

  @Put('users/:user_id/roles/:role_id')
  @AllowInDomain(grant.user)
  @Answers(204, undefined, 'UpdateProjectPermissionForUser', 'Grant a role to a user', ACCESS_ERRORS.change)
  async grantToUser(
    @Param('project_id') project: string,
    @Param('user_id') user: string,
    @Param('role_id') role: string,
    @CallerOf() caller: Caller,
  ): Promise<void> {
    await this.assignments.grant(pathOf('user', project, user, caller), role, caller);
  }

  @Delete('users/:user_id/roles/:role_id')
  @AllowInDomain(revoke.user)
  @Answers(204, undefined, 'KeystoneRemoveProjectPermissionFromUser', 'Revoke a role from a user', ACCESS_ERRORS.change)
  revokeFromUser(
    @Param('project_id') project: string,
    @Param('user_id') user: string,
    @Param('role_id') role: string,
    @CallerOf() caller: Caller,
  ): Promise<void> {
    return this.assignments.take(pathOf('user', project, user, caller), role, caller);
  }

  private async list(path: AssignmentPath, caller: Caller): Promise<HeldRoleListView> {
    const roles = await this.assignments.list(path, caller);
    return toHeldRolesView(this.#base, `/projects/${path.projectId}/${path.kind}s/${path.holderId}/roles`, roles);
  }
}

const pathOf = (kind: HolderKind, projectId: string, holderId: string, { principal }: Caller): AssignmentPath => ({
  domainId: principal.domainId,
  projectId,
  kind,
  holderId,
});
