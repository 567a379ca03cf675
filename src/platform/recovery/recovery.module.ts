import { Global, Module } from '@nestjs/common';
import { Clock } from '../common/clock.js';
import { Config } from '../config/config.js';
import { Database } from '../database/database.js';
import { Health } from '../observability/health.js';
import { Pulse } from './pulse.js';

/** Checks whether the database was restored, before any other module reads it. */
@Global()
@Module({
  providers: [{ provide: Pulse, inject: [Database, Config, Clock], useFactory: Pulse.start }],
  exports: [Pulse],
})
export class RecoveryModule {
  constructor(pulse: Pulse, health: Health) {
    // The service is degraded but not failing, because reads are answered.
    health.add('recovery', async () => (pulse.held ? 'degraded' : undefined));
  }
}
