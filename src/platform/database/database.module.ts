import { type DynamicModule, Global, Module, type OnApplicationShutdown } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { Config } from '../config/config.js';
import { Health } from '../observability/health.js';
import { Database } from './database.js';
import { dataSourceOptions, type Entities, prepareDatabase } from './open.js';

/** Opens and migrates the database and provides {@link Database}; @nestjs/typeorm owns the DataSource. */
@Global()
@Module({})
export class DatabaseModule implements OnApplicationShutdown {
  constructor(
    private readonly database: Database,
    health: Health,
  ) {
    health.add('database', () => this.database.withFreshBudget(() => this.database.check()));
  }

  static with(entities: Entities): DynamicModule {
    return {
      module: DatabaseModule,
      imports: [
        TypeOrmModule.forRootAsync({
          inject: [Config],
          useFactory: async (config: Config) => ({ ...(await dataSourceOptions(config, entities)), retryAttempts: 0 }),
        }),
      ],
      providers: [{ provide: Database, inject: [DataSource, Config], useFactory: prepareDatabase }],
      exports: [Database],
    };
  }

  async onApplicationShutdown(): Promise<void> {
    await this.database.close();
  }
}
