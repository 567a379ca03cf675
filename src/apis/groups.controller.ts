import { Body, Controller, Delete, Get, HttpCode, Param, Post, Put, Query } from '@nestjs/common';
import { Allow } from '../common/access.js';
import { type Caller, CallerOf } from '../common/principal.js';
import { InInstance, type InstanceScope } from '../common/scope.js';
import {
  GroupCheckInput,
  GroupInput,
  type GroupListView,
  GroupQuery,
  type GroupView,
  SlDomainAccessInput,
  type VariableListView,
  VariableQuery,
} from './groups.dto.js';
import { GroupsService } from './groups.service.js';

@Controller('/v2/:project_id/apigw/instances/:instance_id')
export class GroupsController {
  constructor(private readonly groups: GroupsService) {}

  @Post('api-groups')
  @Allow('apig:groups:create')
  create(@InInstance() scope: InstanceScope, @Body() input: GroupInput, @CallerOf() caller: Caller): Promise<GroupView> {
    return this.groups.create(scope, input, caller);
  }

  @Post('api-groups/check')
  @HttpCode(204)
  @Allow('apig:groups:create')
  check(@InInstance() scope: InstanceScope, @Body() input: GroupCheckInput): Promise<void> {
    return this.groups.check(scope, input.name);
  }

  @Get('api-groups')
  @Allow('apig:groups:list')
  list(@InInstance() scope: InstanceScope, @Query() query: GroupQuery): Promise<GroupListView> {
    return this.groups.list(scope, query);
  }

  @Get('api-groups/:group_id')
  @Allow('apig:groups:get')
  get(@InInstance() scope: InstanceScope, @Param('group_id') groupId: string): Promise<GroupView> {
    return this.groups.get(scope, groupId);
  }

  @Put('api-groups/:group_id')
  @Allow('apig:groups:update')
  update(
    @InInstance() scope: InstanceScope,
    @Param('group_id') groupId: string,
    @Body() input: GroupInput,
    @CallerOf() caller: Caller,
  ): Promise<GroupView> {
    return this.groups.update(scope, groupId, input, caller);
  }

  @Put('api-groups/:group_id/sl-domain-access-settings')
  @HttpCode(204)
  @Allow('apig:domains:updateSLDomainSetting')
  setSlDomainAccess(
    @InInstance() scope: InstanceScope,
    @Param('group_id') groupId: string,
    @Body() input: SlDomainAccessInput,
    @CallerOf() caller: Caller,
  ): Promise<void> {
    return this.groups.setSlDomainAccess(scope, groupId, input.sl_domain_access_enabled, caller);
  }

  @Delete('api-groups/:group_id')
  @HttpCode(204)
  @Allow('apig:groups:delete')
  delete(@InInstance() scope: InstanceScope, @Param('group_id') groupId: string, @CallerOf() caller: Caller): Promise<void> {
    return this.groups.delete(scope, groupId, caller);
  }

  @Get('env-variables')
  @Allow('apig:variables:list')
  variables(@InInstance() scope: InstanceScope, @Query() query: VariableQuery): Promise<VariableListView> {
    return this.groups.variables(scope, query);
  }
}
