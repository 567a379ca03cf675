import { Module } from '@nestjs/common';
import { ConfigsController } from './configs.controller.js';
import { ConfigsService } from './configs.service.js';
import { FeaturesController } from './features.controller.js';
import { FeaturesService } from './features.service.js';
import { GatewayFactsController } from './gateway-facts.controller.js';
import { GatewayFactsService } from './gateway-facts.service.js';
import { GatewayPartsController } from './gateway-parts.controller.js';
import { GatewayPartsService } from './gateway-parts.service.js';
import { InstanceTagsController } from './instance-tags.controller.js';
import { InstanceTagsService } from './instance-tags.service.js';
import { InstancesController } from './instances.controller.js';
import { InstancesService } from './instances.service.js';

@Module({
  controllers: [
    InstancesController,
    InstanceTagsController,
    GatewayPartsController,
    GatewayFactsController,
    ConfigsController,
    FeaturesController,
  ],
  providers: [InstancesService, InstanceTagsService, GatewayPartsService, GatewayFactsService, ConfigsService, FeaturesService],
  exports: [InstancesService],
})
export class InstancesModule {}
