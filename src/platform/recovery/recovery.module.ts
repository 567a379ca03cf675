import { Global, Module } from '@nestjs/common';
import { Clock } from '../common/clock.js';
import { Config } from '../config/config.js';
import { Database } from '../database/database.js';
import { Health } from '../observability/health.js';
import { Pulse } from './pulse.js';

/** Checks for a restore before any other module reads the database. */
@Global()
@Module({
  providers: [{ provide: Pulse, inject: [Database, Config, Clock], useFactory: Pulse.start }],
  exports: [Pulse],
})
export class RecoveryModule {
  constructor(pulse: Pulse, health: Health) {
    // Degraded, not failing: reads are answered.
    health.add('recovery', async () => (pulse.held ? 'degraded' : undefined));
  }
}
