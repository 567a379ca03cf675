import { type DynamicModule, Global, Module, type ModuleMetadata } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { Actions } from './actions.js';
import { AuthGuard } from './auth.guard.js';
import { MyPermissionsController } from './my-permissions.controller.js';
import { Permissions } from './permissions.js';
import { SignedRequests } from './signed-requests.js';
import { TokenCache } from './token-cache.js';

type Imported = NonNullable<ModuleMetadata['imports']>[number];

/**
 * The guard of every route. Who can tell what a token proves comes from `identity`, which exports `Identity`, and
 * `AccessKeyIdentity` where it knows access keys; what a machine's credential proves, from `machines`, which exports
 * `MachineIdentity`; what an API key proves, from `apiKeys`, which exports `ApiKeyIdentity`.
 */
@Global()
@Module({})
export class AuthModule {
  static with(identity: Imported, machines: Imported, apiKeys: Imported): DynamicModule {
    return {
      module: AuthModule,
      imports: [identity, machines, apiKeys],
      controllers: [MyPermissionsController],
      providers: [Actions, Permissions, SignedRequests, TokenCache, { provide: APP_GUARD, useClass: AuthGuard }],
      exports: [Actions, Permissions, TokenCache],
    };
  }
}
