import { Body, Controller, Delete, Get, Head, Param, Patch, Post, Put, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { AllowInDomain } from '../../platform/common/access.decorators.js';
import { Answers } from '../../platform/common/answers.js';
import { ApiFault } from '../../platform/common/api-error.js';
import { type Caller, CallerOf } from '../../platform/common/principal.js';
import { Config } from '../../platform/config/config.js';
import { NameQuery } from './directory.dto.js';
import { Directory } from './directory.js';
import { listLinks, toUserView, UserListView } from './directory.views.js';
import {
  UserGroupAnswerView,
  UserGroupChangeInput,
  UserGroupInput,
  UserGroupListView,
  toUserGroupListView,
  toUserGroupView,
} from './user-groups.dto.js';
import { UserGroupsService } from './user-groups.service.js';
import { ACCESS_ERRORS } from './iam.answers.js';

@ApiTags('Groups, policies and roles')
@Controller('/v3')
export class UserGroupsController {
  readonly #base: string;

  constructor(
    config: Config,
    private readonly groups: UserGroupsService,
    private readonly directory: Directory,
  ) {
    this.#base = `${config.publicUrl}/v3`;
  }

  @Get('groups')
  @AllowInDomain('iam:groups:listGroups')
  @Answers(200, UserGroupListView, 'KeystoneListGroups', 'List the groups of the domain')
  async list(@Query() { name }: NameQuery, @CallerOf() { principal }: Caller): Promise<UserGroupListView> {
    return toUserGroupListView(this.#base, '/groups', await this.groups.list(principal.domainId, { name }));
  }

  @Post('groups')
  @AllowInDomain('iam:groups:createGroup')
  @Answers(201, UserGroupAnswerView, 'KeystoneCreateGroup', 'Create a group in the domain of the caller', ACCESS_ERRORS.create)
  async create(@Body() { group }: UserGroupInput, @CallerOf() caller: Caller): Promise<UserGroupAnswerView> {
    const { domainId } = caller.principal;
    if (group.domain_id !== undefined && group.domain_id !== domainId) throw new ApiFault('forbidden');
    return { group: toUserGroupView(this.#base, await this.groups.create(domainId, group, caller)) };
  }

  @Get('groups/:group_id')
  @AllowInDomain('iam:groups:getGroup')
  @Answers(200, UserGroupAnswerView, 'KeystoneShowGroup', 'Show a group', ACCESS_ERRORS.one)
  async show(@Param('group_id') id: string, @CallerOf() { principal }: Caller): Promise<UserGroupAnswerView> {
    return { group: toUserGroupView(this.#base, await this.groups.get(principal.domainId, id)) };
  }

  @Patch('groups/:group_id')
  @AllowInDomain('iam:groups:updateGroup')
  @Answers(200, UserGroupAnswerView, 'KeystoneUpdateGroup', 'Modify a group', [...ACCESS_ERRORS.one, ...ACCESS_ERRORS.create])
  async update(
    @Param('group_id') id: string,
    @Body() { group }: UserGroupChangeInput,
    @CallerOf() caller: Caller,
  ): Promise<UserGroupAnswerView> {
    return { group: toUserGroupView(this.#base, await this.groups.update(caller.principal.domainId, id, group, caller)) };
  }

  @Delete('groups/:group_id')
  @AllowInDomain('iam:groups:deleteGroup')
  @Answers(204, undefined, 'KeystoneDeleteGroup', 'Delete a group, whose users lose its roles', ACCESS_ERRORS.change)
  delete(@Param('group_id') id: string, @CallerOf() caller: Caller): Promise<void> {
    return this.groups.delete(caller.principal.domainId, id, caller);
  }

  @Get('groups/:group_id/users')
  @AllowInDomain('iam:users:listUsersForGroup')
  @Answers(200, UserListView, 'KeystoneListUsersForGroup', 'List the users of a group', ACCESS_ERRORS.one)
  async users(@Param('group_id') id: string, @CallerOf() { principal }: Caller): Promise<UserListView> {
    const users = await this.groups.users(principal.domainId, id);
    return { users: users.map((user) => toUserView(this.#base, user)), links: listLinks(`${this.#base}/groups/${id}/users`) };
  }

  @Get('users/:user_id/groups')
  @AllowInDomain('iam:groups:listGroupsForUser')
  @Answers(200, UserGroupListView, 'KeystoneListGroupsForUser', 'List the groups of a user', ACCESS_ERRORS.one)
  async ofUser(@Param('user_id') userId: string, @CallerOf() { principal }: Caller): Promise<UserGroupListView> {
    const [user] = await this.directory.users(principal.domainId, { id: userId });
    if (!user) throw new ApiFault('not_found');
    return toUserGroupListView(this.#base, `/users/${userId}/groups`, await this.groups.list(principal.domainId, { userId }));
  }

  @Head('groups/:group_id/users/:user_id')
  @AllowInDomain('iam:permissions:checkUserInGroup')
  @Answers(204, undefined, 'KeystoneCheckUserInGroup', 'Check whether a user is in a group', ACCESS_ERRORS.one)
  check(@Param('group_id') id: string, @Param('user_id') userId: string, @CallerOf() { principal }: Caller): Promise<void> {
    return this.groups.assertMember(principal.domainId, id, userId);
  }

  @Put('groups/:group_id/users/:user_id')
  @AllowInDomain('iam:permissions:addUserToGroup')
  @Answers(204, undefined, 'KeystoneAddUserToGroup', 'Add a user to a group', ACCESS_ERRORS.change)
  add(@Param('group_id') id: string, @Param('user_id') userId: string, @CallerOf() caller: Caller): Promise<void> {
    return this.groups.addUser(caller.principal.domainId, id, userId, caller);
  }

  @Delete('groups/:group_id/users/:user_id')
  @AllowInDomain('iam:permissions:removeUserFromGroup')
  @Answers(204, undefined, 'KeystoneRemoveUserFromGroup', 'Remove a user from a group', ACCESS_ERRORS.change)
  remove(@Param('group_id') id: string, @Param('user_id') userId: string, @CallerOf() caller: Caller): Promise<void> {
    return this.groups.removeUser(caller.principal.domainId, id, userId, caller);
  }
}
