import { Body, Controller, Delete, Get, Param, Post, Put, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Allow } from '../../platform/common/access.decorators.js';
import { Answers } from '../../platform/common/answers.js';
import { BodyLimit, LIST_BYTES } from '../../platform/common/body-limit.js';
import { type Caller, CallerOf } from '../../platform/common/principal.js';
import { InInstance, type InstanceScope } from '../../platform/common/scope.js';
import { CHANNEL_ERRORS } from './apis.answers.js';
import {
  HealthConfigInput,
  HealthConfigView,
  VpcChannelInput,
  VpcChannelListView,
  VpcChannelQuery,
  VpcChannelView,
} from './vpc-channels.dto.js';
import { VpcChannelsService } from './vpc-channels.service.js';

@ApiTags('Load balance channels')
@Controller('/v2/:project_id/apigw/instances/:instance_id/vpc-channels')
export class VpcChannelsController {
  constructor(private readonly channels: VpcChannelsService) {}

  @Post()
  @BodyLimit(LIST_BYTES)
  @Allow('apig:vpcChannels:create')
  @Answers(201, VpcChannelView, 'CreateVpcChannelV2', 'Create a load balance channel', CHANNEL_ERRORS.create)
  create(@InInstance() scope: InstanceScope, @Body() input: VpcChannelInput, @CallerOf() caller: Caller): Promise<VpcChannelView> {
    return this.channels.create(scope, input, caller);
  }

  @Get()
  @Allow('apig:vpcChannels:list')
  @Answers(200, VpcChannelListView, 'ListVpcChannelsV2', 'List load balance channels, newest first')
  list(@InInstance() scope: InstanceScope, @Query() query: VpcChannelQuery): Promise<VpcChannelListView> {
    return this.channels.list(scope, query);
  }

  @Get(':vpc_channel_id')
  @Allow('apig:vpcChannels:get')
  @Answers(200, VpcChannelView, 'ShowDetailsOfVpcChannelV2', 'Show a load balance channel', CHANNEL_ERRORS.get)
  get(@InInstance() scope: InstanceScope, @Param('vpc_channel_id') channelId: string): Promise<VpcChannelView> {
    return this.channels.get(scope, channelId);
  }

  @Put(':vpc_channel_id')
  @BodyLimit(LIST_BYTES)
  @Allow('apig:vpcChannels:update')
  @Answers(200, VpcChannelView, 'UpdateVpcChannelV2', 'Modify a load balance channel', CHANNEL_ERRORS.update)
  update(
    @InInstance() scope: InstanceScope,
    @Param('vpc_channel_id') channelId: string,
    @Body() input: VpcChannelInput,
    @CallerOf() caller: Caller,
  ): Promise<VpcChannelView> {
    return this.channels.update(scope, channelId, input, caller);
  }

  @Delete(':vpc_channel_id')
  @Allow('apig:vpcChannels:delete')
  @Answers(204, undefined, 'DeleteVpcChannelV2', 'Delete a load balance channel that no API uses', CHANNEL_ERRORS.delete)
  delete(@InInstance() scope: InstanceScope, @Param('vpc_channel_id') channelId: string, @CallerOf() caller: Caller): Promise<void> {
    return this.channels.delete(scope, channelId, caller);
  }

  @Put(':vpc_channel_id/health-config')
  @Allow('apig:vpcChannels:update')
  @Answers(200, HealthConfigView, 'UpdateHealthCheck', 'Set the health check of a load balance channel', CHANNEL_ERRORS.get)
  setHealthConfig(
    @InInstance() scope: InstanceScope,
    @Param('vpc_channel_id') channelId: string,
    @Body() input: HealthConfigInput,
    @CallerOf() caller: Caller,
  ): Promise<HealthConfigView> {
    return this.channels.setHealthConfig(scope, channelId, input, caller);
  }
}
