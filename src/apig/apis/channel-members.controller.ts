import { Body, Controller, Delete, Get, Param, Post, Put, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Allow } from '../../platform/common/access.decorators.js';
import { Answers } from '../../platform/common/answers.js';
import { BodyLimit, LIST_BYTES } from '../../platform/common/body-limit.js';
import { type Caller, CallerOf } from '../../platform/common/principal.js';
import { InInstance, type InstanceScope } from '../../platform/common/scope.js';
import { CHANNEL_ERRORS } from './apis.answers.js';
import { AddMembersInput, MemberIdsInput, MembersQuery, MembersView, ReplaceMembersInput } from './channel-members.dto.js';
import { ChannelMembersService } from './channel-members.service.js';

@ApiTags('Load balance channels')
@Controller('/v2/:project_id/apigw/instances/:instance_id/vpc-channels/:vpc_channel_id/members')
export class ChannelMembersController {
  constructor(private readonly members: ChannelMembersService) {}

  @Get()
  @Allow('apig:vpcChannels:get')
  @Answers(200, MembersView, 'ListBackendInstancesV2', 'List the servers of a load balance channel, oldest first', CHANNEL_ERRORS.get)
  list(@InInstance() scope: InstanceScope, @Param('vpc_channel_id') channelId: string, @Query() query: MembersQuery): Promise<MembersView> {
    return this.members.list(scope, channelId, query);
  }

  @Post()
  @BodyLimit(LIST_BYTES)
  @Allow('apig:vpcChannels:update')
  @Answers(
    201,
    MembersView,
    'AddingBackendInstancesV2',
    'Add servers to a load balance channel, or update existing ones',
    CHANNEL_ERRORS.putMembers,
  )
  add(
    @InInstance() scope: InstanceScope,
    @Param('vpc_channel_id') channelId: string,
    @Body() input: AddMembersInput,
    @CallerOf() caller: Caller,
  ): Promise<MembersView> {
    return this.members.add(scope, channelId, input, caller);
  }

  @Put()
  @BodyLimit(LIST_BYTES)
  @Allow('apig:vpcChannels:update')
  @Answers(
    200,
    MembersView,
    'UpdateBackendInstancesV2',
    'Replace the servers of a load balance channel, or of one of its groups',
    CHANNEL_ERRORS.putMembers,
  )
  replace(
    @InInstance() scope: InstanceScope,
    @Param('vpc_channel_id') channelId: string,
    @Body() input: ReplaceMembersInput,
    @CallerOf() caller: Caller,
  ): Promise<MembersView> {
    return this.members.replace(scope, channelId, input, caller);
  }

  @Delete(':member_id')
  @Allow('apig:vpcChannels:update')
  @Answers(204, undefined, 'DeleteBackendInstanceV2', 'Remove a server from a load balance channel', CHANNEL_ERRORS.member)
  delete(
    @InInstance() scope: InstanceScope,
    @Param('vpc_channel_id') channelId: string,
    @Param('member_id') memberId: string,
    @CallerOf() caller: Caller,
  ): Promise<void> {
    return this.members.delete(scope, channelId, memberId, caller);
  }

  @Post('batch-enable')
  @Allow('apig:vpcChannels:update')
  @Answers(204, undefined, 'BatchEnableMembers', 'Enable servers of a load balance channel', CHANNEL_ERRORS.members)
  enable(
    @InInstance() scope: InstanceScope,
    @Param('vpc_channel_id') channelId: string,
    @Body() { member_ids = [] }: MemberIdsInput,
    @CallerOf() caller: Caller,
  ): Promise<void> {
    return this.members.setEnabled(scope, channelId, member_ids, true, caller);
  }

  @Post('batch-disable')
  @Allow('apig:vpcChannels:update')
  @Answers(204, undefined, 'BatchDisableMembers', 'Disable servers of a load balance channel', CHANNEL_ERRORS.members)
  disable(
    @InInstance() scope: InstanceScope,
    @Param('vpc_channel_id') channelId: string,
    @Body() { member_ids = [] }: MemberIdsInput,
    @CallerOf() caller: Caller,
  ): Promise<void> {
    return this.members.setEnabled(scope, channelId, member_ids, false, caller);
  }
}
