import { type DynamicModule, Global, Module, type ModuleMetadata } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { Actions } from './actions.js';
import { Admission } from './admission.js';
import { AuthGuard } from './auth.guard.js';
import { MyPermissionsController } from './my-permissions.controller.js';
import { Permissions } from './permissions.js';
import { SignedRequests } from './signed-requests.js';
import { TokenCache } from './token-cache.js';

type Imported = NonNullable<ModuleMetadata['imports']>[number];

/**
 * Authentication and authorization. The module `identity` must export `Identity`, and also `AccessKeyIdentity` if it supports access keys;
 * `machines` must export `MachineIdentity`, and `apiKeys` must export `ApiKeyIdentity`.
 */
@Global()
@Module({})
export class AuthModule {
  static with(identity: Imported, machines: Imported, apiKeys: Imported): DynamicModule {
    return {
      module: AuthModule,
      imports: [identity, machines, apiKeys],
      controllers: [MyPermissionsController],
      providers: [Actions, Admission, Permissions, SignedRequests, TokenCache, { provide: APP_GUARD, useClass: AuthGuard }],
      exports: [Actions, Admission, Permissions, TokenCache],
    };
  }
}
