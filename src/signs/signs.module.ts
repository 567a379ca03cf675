import { Module } from '@nestjs/common';
import { SignsController } from './signs.controller.js';
import { SignsService } from './signs.service.js';

@Module({ controllers: [SignsController], providers: [SignsService] })
export class SignsModule {}
