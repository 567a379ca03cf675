import { Module } from '@nestjs/common';
import { Backlog } from '../endpoints/backlog.js';
import { BacklogService } from './backlog.service.js';

/** What endpoints need of messages, apart from them: endpoints stand below. */
@Module({ providers: [{ provide: Backlog, useClass: BacklogService }], exports: [Backlog] })
export class BacklogModule {}
