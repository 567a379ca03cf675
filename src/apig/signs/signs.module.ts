import { Module } from '@nestjs/common';
import { ImpactService } from './impact.service.js';
import { OwnSignsController } from './own-signs.controller.js';
import { RevealsController } from './reveals.controller.js';
import { RevealsService } from './reveals.service.js';
import { SignsController } from './signs.controller.js';
import { SignsService } from './signs.service.js';

@Module({
  controllers: [OwnSignsController, RevealsController, SignsController],
  providers: [ImpactService, RevealsService, SignsService],
  exports: [ImpactService],
})
export class SignsModule {}
