import { type DynamicModule, Global, Module, type ModuleMetadata } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { AuthGuard } from './auth.guard.js';
import { TokenCache } from './token-cache.js';

/** The guard of every route. Who can tell what a token proves comes from `identity`, which exports `Identity`. */
@Global()
@Module({})
export class AuthModule {
  static with(identity: NonNullable<ModuleMetadata['imports']>[number]): DynamicModule {
    return {
      module: AuthModule,
      imports: [identity],
      providers: [TokenCache, { provide: APP_GUARD, useClass: AuthGuard }],
      exports: [TokenCache],
    };
  }
}
