import { Module } from '@nestjs/common';
import { RevealsController } from './reveals.controller.js';
import { RevealsService } from './reveals.service.js';
import { SignsController } from './signs.controller.js';
import { SignsService } from './signs.service.js';

@Module({ controllers: [RevealsController, SignsController], providers: [RevealsService, SignsService] })
export class SignsModule {}
