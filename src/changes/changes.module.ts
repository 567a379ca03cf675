import { Global, Module } from '@nestjs/common';
import { ChangeFeed } from './change-feed.js';
import { ChangeLog } from './change-log.js';
import { ChangeRelay } from './change-relay.js';
import { ChangesService } from './changes.service.js';

@Global()
@Module({ providers: [ChangeFeed, ChangeLog, ChangeRelay, ChangesService], exports: [ChangeFeed, ChangeLog, ChangeRelay, ChangesService] })
export class ChangesModule {}
