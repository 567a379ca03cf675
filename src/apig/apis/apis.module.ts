import { Module } from '@nestjs/common';
import { ApisController } from './apis.controller.js';
import { ApisService } from './apis.service.js';
import { EnvironmentsController } from './environments.controller.js';
import { EnvironmentsService } from './environments.service.js';
import { GatewayResponsesController } from './gateway-responses.controller.js';
import { GatewayResponsesService } from './gateway-responses.service.js';
import { GroupDomainsController } from './group-domains.controller.js';
import { GroupDomainsService } from './group-domains.service.js';
import { GroupsController } from './groups.controller.js';
import { GroupsService } from './groups.service.js';
import { PublicationsController } from './publications.controller.js';
import { PublicationsService } from './publications.service.js';
import { ApiVersionsController } from './api-versions.controller.js';
import { ApiVersionsService } from './api-versions.service.js';
import { VariablesController } from './variables.controller.js';
import { VariablesService } from './variables.service.js';
import { ChannelGroupsController } from './channel-groups.controller.js';
import { ChannelGroupsService } from './channel-groups.service.js';
import { ChannelMembersController } from './channel-members.controller.js';
import { ChannelMembersService } from './channel-members.service.js';
import { VpcChannelsController } from './vpc-channels.controller.js';
import { VpcChannelsService } from './vpc-channels.service.js';

@Module({
  controllers: [
    GroupsController,
    GroupDomainsController,
    GatewayResponsesController,
    EnvironmentsController,
    VariablesController,
    ApisController,
    PublicationsController,
    ApiVersionsController,
    VpcChannelsController,
    ChannelMembersController,
    ChannelGroupsController,
  ],
  providers: [
    GroupsService,
    GroupDomainsService,
    GatewayResponsesService,
    EnvironmentsService,
    VariablesService,
    ApisService,
    PublicationsService,
    ApiVersionsService,
    VpcChannelsService,
    ChannelMembersService,
    ChannelGroupsService,
  ],
})
export class ApisModule {}
