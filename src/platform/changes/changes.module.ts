import { Global, Module } from '@nestjs/common';
import { ChangeFeed } from './change-feed.js';
import { ChangeLog } from './change-log.js';
import { RedisChangeNotifier } from './redis-change-notifier.js';
import { ChangesService } from './changes.service.js';

@Global()
@Module({
  providers: [ChangeFeed, ChangeLog, RedisChangeNotifier, ChangesService],
  exports: [ChangeFeed, ChangeLog, RedisChangeNotifier, ChangesService],
})
export class ChangesModule {}
