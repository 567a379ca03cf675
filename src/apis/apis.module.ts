import { Module } from '@nestjs/common';
import { ApisController } from './apis.controller.js';
import { ApisService } from './apis.service.js';
import { EnvironmentsController } from './environments.controller.js';
import { EnvironmentsService } from './environments.service.js';
import { GroupsController } from './groups.controller.js';
import { GroupsService } from './groups.service.js';
import { PublicationsController } from './publications.controller.js';
import { PublicationsService } from './publications.service.js';
import { ApiVersionsController } from './api-versions.controller.js';
import { ApiVersionsService } from './api-versions.service.js';
import { VpcChannelsController } from './vpc-channels.controller.js';
import { VpcChannelsService } from './vpc-channels.service.js';

@Module({
  controllers: [
    GroupsController,
    EnvironmentsController,
    ApisController,
    PublicationsController,
    ApiVersionsController,
    VpcChannelsController,
  ],
  providers: [GroupsService, EnvironmentsService, ApisService, PublicationsService, ApiVersionsService, VpcChannelsService],
})
export class ApisModule {}
