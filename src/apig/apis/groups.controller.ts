import { Body, Controller, Delete, Get, Param, Post, Put, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Allow } from '../../platform/common/access.decorators.js';
import { Answers } from '../../platform/common/answers.js';
import { type Caller, CallerOf } from '../../platform/common/principal.js';
import { InInstance, type InstanceScope } from '../../platform/common/scope.js';
import { GROUP_ERRORS } from './apis.answers.js';
import { GroupCheckInput, GroupInput, GroupListView, GroupQuery, GroupView, SlDomainAccessInput } from './groups.dto.js';
import { GroupsService } from './groups.service.js';

@ApiTags('API groups')
@Controller('/v2/:project_id/apigw/instances/:instance_id/api-groups')
export class GroupsController {
  constructor(private readonly groups: GroupsService) {}

  @Post()
  @Allow('apig:groups:create')
  @Answers(201, GroupView, 'CreateApiGroupV2', 'Create an API group', GROUP_ERRORS.create)
  create(@InInstance() scope: InstanceScope, @Body() input: GroupInput, @CallerOf() caller: Caller): Promise<GroupView> {
    return this.groups.create(scope, input, caller);
  }

  @Post('check')
  @Allow('apig:groups:create')
  @Answers(204, undefined, 'CheckApiGroupsV2', 'Check that a group name is not in use', GROUP_ERRORS.check)
  check(@InInstance() scope: InstanceScope, @Body() input: GroupCheckInput): Promise<void> {
    return this.groups.check(scope, input.name);
  }

  @Get()
  @Allow('apig:groups:list')
  @Answers(200, GroupListView, 'ListApiGroupsV2', 'List API groups, newest first')
  list(@InInstance() scope: InstanceScope, @Query() query: GroupQuery): Promise<GroupListView> {
    return this.groups.list(scope, query);
  }

  @Get(':group_id')
  @Allow('apig:groups:get')
  @Answers(200, GroupView, 'ShowDetailsOfApiGroupV2', 'Show an API group', GROUP_ERRORS.get)
  get(@InInstance() scope: InstanceScope, @Param('group_id') groupId: string): Promise<GroupView> {
    return this.groups.get(scope, groupId);
  }

  @Put(':group_id')
  @Allow('apig:groups:update')
  @Answers(200, GroupView, 'UpdateApiGroupV2', 'Modify an API group', GROUP_ERRORS.update)
  update(
    @InInstance() scope: InstanceScope,
    @Param('group_id') groupId: string,
    @Body() input: GroupInput,
    @CallerOf() caller: Caller,
  ): Promise<GroupView> {
    return this.groups.update(scope, groupId, input, caller);
  }

  @Put(':group_id/sl-domain-access-settings')
  @Allow('apig:domains:updateSLDomainSetting')
  @Answers(204, undefined, 'UpdateSlDomainSettingV2', 'Set whether the debugging domain of a group may be used', GROUP_ERRORS.get)
  setSlDomainAccess(
    @InInstance() scope: InstanceScope,
    @Param('group_id') groupId: string,
    @Body() input: SlDomainAccessInput,
    @CallerOf() caller: Caller,
  ): Promise<void> {
    return this.groups.setSlDomainAccess(scope, groupId, input.sl_domain_access_enabled, caller);
  }

  @Delete(':group_id')
  @Allow('apig:groups:delete')
  @Answers(204, undefined, 'DeleteApiGroupV2', 'Delete an API group without APIs', GROUP_ERRORS.delete)
  delete(@InInstance() scope: InstanceScope, @Param('group_id') groupId: string, @CallerOf() caller: Caller): Promise<void> {
    return this.groups.delete(scope, groupId, caller);
  }
}
