import { type DynamicModule, Module } from '@nestjs/common';
import { APP_FILTER, APP_PIPE } from '@nestjs/core';
import { AuditModule } from './audit/audit.module.js';
import { AuthModule } from './auth/auth.module.js';
import { ChangesModule } from './changes/changes.module.js';
import { ApiErrorFilter } from './common/api-error.filter.js';
import { CommonModule } from './common/common.module.js';
import { InputPipe } from './common/input.pipe.js';
import type { Config } from './config/config.js';
import { ConfigModule } from './config/config.module.js';
import { DatabaseModule } from './database/database.module.js';
import { CredentialsModule } from './distribution/credentials.module.js';
import { DistributionModule } from './distribution/distribution.module.js';
import { ApiKeysModule } from './endpoints/api-keys.module.js';
import { EdgeModule } from './edge/edge.module.js';
import { EndpointsModule } from './endpoints/endpoints.module.js';
import { entities } from './entities.js';
import { ExternalIamModule } from './external-iam/external-iam.module.js';
import { DirectoryModule } from './iam/directory.module.js';
import { IamModule } from './iam/iam.module.js';
import { InstancesModule } from './instances/instances.module.js';
import { ApisModule } from './apis/apis.module.js';
import { BindingsModule } from './bindings/bindings.module.js';
import { BacklogModule } from './messages/backlog.module.js';
import { MessagesModule } from './messages/messages.module.js';
import { ObservabilityModule } from './observability/observability.module.js';
import { ProjectsModule } from './projects/projects.module.js';
import { SignsModule } from './signs/signs.module.js';
import { VaultModule } from './vault/vault.module.js';

/** The one list of control-plane modules. */
@Module({})
export class AppModule {
  static for(config: Config): DynamicModule {
    const endpoints = EndpointsModule.with(BacklogModule);
    return {
      module: AppModule,
      imports: [
        ConfigModule.for(config),
        CommonModule,
        ObservabilityModule,
        DatabaseModule.with(entities),
        VaultModule,
        ChangesModule,
        AuditModule,
        ProjectsModule,
        DirectoryModule,
        AuthModule.with(config.identity ? ExternalIamModule.for(config.identity) : IamModule, CredentialsModule, ApiKeysModule),
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
