import { Body, Controller, Delete, Get, Param, Post, Put, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Allow } from '../../platform/common/access.decorators.js';
import { Answers } from '../../platform/common/answers.js';
import { BodyLimit, LIST_BYTES } from '../../platform/common/body-limit.js';
import { type Caller, CallerOf } from '../../platform/common/principal.js';
import { InInstance, type InstanceScope } from '../../platform/common/scope.js';
import { CHANNEL_ERRORS } from './apis.answers.js';
import { AddGroupsInput, MemberGroupInput, MemberGroupsQuery, MemberGroupsView, MemberGroupView } from './channel-groups.dto.js';
import { ChannelGroupsService } from './channel-groups.service.js';

@ApiTags('Load balance channels')
@Controller('/v2/:project_id/apigw/instances/:instance_id/vpc-channels/:vpc_channel_id/member-groups')
export class ChannelGroupsController {
  constructor(private readonly groups: ChannelGroupsService) {}

  @Get()
  @Allow('apig:vpcChannels:get')
  @Answers(200, MemberGroupsView, 'ListMemberGroups', 'List the groups of servers of a load balance channel', CHANNEL_ERRORS.get)
  list(
    @InInstance() scope: InstanceScope,
    @Param('vpc_channel_id') channelId: string,
    @Query() query: MemberGroupsQuery,
  ): Promise<MemberGroupsView> {
    return this.groups.list(scope, channelId, query);
  }

  @Post()
  @BodyLimit(LIST_BYTES)
  @Allow('apig:vpcChannels:update')
  @Answers(
    201,
    MemberGroupsView,
    'CreateMemberGroup',
    'Add groups of servers to a load balance channel, or replace existing ones',
    CHANNEL_ERRORS.putGroups,
  )
  add(
    @InInstance() scope: InstanceScope,
    @Param('vpc_channel_id') channelId: string,
    @Body() input: AddGroupsInput,
    @CallerOf() caller: Caller,
  ): Promise<MemberGroupsView> {
    return this.groups.add(scope, channelId, input, caller);
  }

  @Get(':member_group_id')
  @Allow('apig:vpcChannels:get')
  @Answers(200, MemberGroupView, 'ShowDetailsOfMemberGroup', 'Show a group of servers of a load balance channel', CHANNEL_ERRORS.group)
  get(
    @InInstance() scope: InstanceScope,
    @Param('vpc_channel_id') channelId: string,
    @Param('member_group_id') groupId: string,
  ): Promise<MemberGroupView> {
    return this.groups.get(scope, channelId, groupId);
  }

  @Put(':member_group_id')
  @Allow('apig:vpcChannels:update')
  @Answers(200, MemberGroupView, 'UpdateMemberGroup', 'Modify a group of servers of a load balance channel', CHANNEL_ERRORS.updateGroup)
  update(
    @InInstance() scope: InstanceScope,
    @Param('vpc_channel_id') channelId: string,
    @Param('member_group_id') groupId: string,
    @Body() input: MemberGroupInput,
    @CallerOf() caller: Caller,
  ): Promise<MemberGroupView> {
    return this.groups.update(scope, channelId, groupId, input, caller);
  }

  @Delete(':member_group_id')
  @Allow('apig:vpcChannels:update')
  @Answers(
    204,
    undefined,
    'DeleteMemberGroup',
    'Delete a group of servers of a load balance channel, with its servers',
    CHANNEL_ERRORS.group,
  )
  delete(
    @InInstance() scope: InstanceScope,
    @Param('vpc_channel_id') channelId: string,
    @Param('member_group_id') groupId: string,
    @CallerOf() caller: Caller,
  ): Promise<void> {
    return this.groups.delete(scope, channelId, groupId, caller);
  }
}
