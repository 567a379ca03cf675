import { Body, Controller, Delete, Get, HttpCode, Param, Post, Put, Query } from '@nestjs/common';
import { Allow } from '../common/access.js';
import { Page } from '../common/pagination.js';
import { type Caller, CallerOf } from '../common/principal.js';
import { InInstance, type InstanceScope } from '../common/scope.js';
import {
  ChannelMembersInput,
  type ChannelMembersView,
  VpcChannelInput,
  type VpcChannelListView,
  VpcChannelQuery,
  type VpcChannelView,
} from './vpc-channels.dto.js';
import { VpcChannelsService } from './vpc-channels.service.js';

@Controller('/v2/:project_id/apigw/instances/:instance_id/vpc-channels')
export class VpcChannelsController {
  constructor(private readonly channels: VpcChannelsService) {}

  @Post()
  @Allow('apig:vpcChannels:create')
  create(@InInstance() scope: InstanceScope, @Body() input: VpcChannelInput, @CallerOf() caller: Caller): Promise<VpcChannelView> {
    return this.channels.create(scope, input, caller);
  }

  @Get()
  @Allow('apig:vpcChannels:list')
  list(@InInstance() scope: InstanceScope, @Query() query: VpcChannelQuery): Promise<VpcChannelListView> {
    return this.channels.list(scope, query);
  }

  @Get(':vpc_channel_id')
  @Allow('apig:vpcChannels:get')
  get(@InInstance() scope: InstanceScope, @Param('vpc_channel_id') channelId: string): Promise<VpcChannelView> {
    return this.channels.get(scope, channelId);
  }

  @Put(':vpc_channel_id')
  @Allow('apig:vpcChannels:update')
  update(
    @InInstance() scope: InstanceScope,
    @Param('vpc_channel_id') channelId: string,
    @Body() input: VpcChannelInput,
    @CallerOf() caller: Caller,
  ): Promise<VpcChannelView> {
    return this.channels.update(scope, channelId, input, caller);
  }

  @Delete(':vpc_channel_id')
  @HttpCode(204)
  @Allow('apig:vpcChannels:delete')
  delete(@InInstance() scope: InstanceScope, @Param('vpc_channel_id') channelId: string, @CallerOf() caller: Caller): Promise<void> {
    return this.channels.delete(scope, channelId, caller);
  }

  @Get(':vpc_channel_id/members')
  @Allow('apig:vpcChannels:get')
  members(
    @InInstance() scope: InstanceScope,
    @Param('vpc_channel_id') channelId: string,
    @Query() page: Page,
  ): Promise<ChannelMembersView> {
    return this.channels.members(scope, channelId, page);
  }

  @Post(':vpc_channel_id/members')
  @Allow('apig:vpcChannels:update')
  addMembers(
    @InInstance() scope: InstanceScope,
    @Param('vpc_channel_id') channelId: string,
    @Body() input: ChannelMembersInput,
    @CallerOf() caller: Caller,
  ): Promise<ChannelMembersView> {
    return this.channels.addMembers(scope, channelId, input, caller);
  }
}
