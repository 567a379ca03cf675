import { type DynamicModule, Module } from '@nestjs/common';
import { APP_FILTER, APP_PIPE } from '@nestjs/core';
import { AuditModule } from './platform/audit/audit.module.js';
import { AuthModule } from './platform/auth/auth.module.js';
import { ChangesModule } from './platform/changes/changes.module.js';
import { ApiErrorFilter } from './platform/common/api-error.filter.js';
import { CommonModule } from './platform/common/common.module.js';
import { InputPipe } from './platform/common/input.pipe.js';
import type { Config } from './platform/config/config.js';
import { ConfigModule } from './platform/config/config.module.js';
import { DatabaseModule } from './platform/database/database.module.js';
import { CredentialsModule } from './distribution/credentials/credentials.module.js';
import { DistributionModule } from './distribution/distribution.module.js';
import { ApiKeysModule } from './webhooks/api-keys/api-keys.module.js';
import { EdgeModule } from './platform/edge/edge.module.js';
import { EndpointsModule } from './webhooks/endpoints/endpoints.module.js';
import { entities } from './entities.js';
import { DirectoryModule } from './identity/iam/directory.module.js';
import { InstancesModule } from './apig/instances/instances.module.js';
import { ApisModule } from './apig/apis/apis.module.js';
import { BindingsModule } from './apig/bindings/bindings.module.js';
import { PendingMessagesModule } from './webhooks/delivery/pending-messages.module.js';
import { MessagesModule } from './webhooks/messages/messages.module.js';
import { ObservabilityModule } from './platform/observability/observability.module.js';
import { ProjectsModule } from './identity/projects/projects.module.js';
import { RecoveryModule } from './platform/recovery/recovery.module.js';
import { ReceiptsModule } from './platform/receipts/receipts.module.js';
import { SignsModule } from './apig/signs/signs.module.js';
import { VaultModule } from './platform/vault/vault.module.js';

/** All control-plane modules. */
@Module({})
export class AppModule {
  /** Loads the identity module that is configured: the external one brings libraries that no other module needs. */
  static async for(config: Config): Promise<DynamicModule> {
    const identity = config.identity
      ? (await import('./identity/external/external-iam.module.js')).ExternalIamModule.for(config.identity)
      : (await import('./identity/iam/iam.module.js')).IamModule;
    const endpoints = EndpointsModule.with(PendingMessagesModule);
    return {
      module: AppModule,
      imports: [
        ConfigModule.for(config),
        CommonModule,
        ObservabilityModule,
        DatabaseModule.with(entities),
        RecoveryModule,
        VaultModule,
        ChangesModule,
        AuditModule,
        ReceiptsModule,
        ProjectsModule,
        DirectoryModule,
        AuthModule.with(identity, CredentialsModule, ApiKeysModule),
        EdgeModule,
        InstancesModule,
        ApisModule,
        SignsModule,
        BindingsModule,
        DistributionModule,
        endpoints,
        MessagesModule.with(endpoints),
      ],
      providers: [
        { provide: APP_PIPE, useClass: InputPipe },
        { provide: APP_FILTER, useClass: ApiErrorFilter },
      ],
    };
  }
}
