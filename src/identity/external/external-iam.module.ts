import { type DynamicModule, Module } from '@nestjs/common';
import { Identity } from '../../platform/auth/identity.js';
import { Clock } from '../../platform/common/clock.js';
import type { IdentityConfig } from '../../platform/config/identity-config.js';
import { Database } from '../../platform/database/database.js';
import { ProjectsModule } from '../projects/projects.module.js';
import { ProjectsService } from '../projects/projects.service.js';
import { RowMacs } from '../../platform/vault/row-macs.js';
import { KeystoneIdentity } from './keystone-identity.js';
import { OidcIdentity } from './oidc-identity.js';

/** Authentication by an external identity service instead of the embedded one. */
@Module({})
export class ExternalIamModule {
  static for(identity: IdentityConfig): DynamicModule {
    const make = (...uses: [Clock, ProjectsService, Database, RowMacs]): Identity =>
      identity.kind === 'keystone' ? new KeystoneIdentity(identity, ...uses) : new OidcIdentity(identity, ...uses);
    return {
      module: ExternalIamModule,
      imports: [ProjectsModule],
      providers: [{ provide: Identity, inject: [Clock, ProjectsService, Database, RowMacs], useFactory: make }],
      exports: [Identity],
    };
  }
}
