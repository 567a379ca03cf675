import { type DynamicModule, Module } from '@nestjs/common';
import { Identity } from '../auth/identity.js';
import { Clock } from '../common/clock.js';
import type { IdentityConfig } from '../config/identity-config.js';
import { Database } from '../database/database.js';
import { ProjectsModule } from '../projects/projects.module.js';
import { ProjectsService } from '../projects/projects.service.js';
import { KeystoneIdentity } from './keystone-identity.js';
import { OidcIdentity } from './oidc-identity.js';

/** The identity service of somebody else, in the place of the embedded one. */
@Module({})
export class ExternalIamModule {
  static for(identity: IdentityConfig): DynamicModule {
    const make = (...uses: [Clock, ProjectsService, Database]): Identity =>
      identity.kind === 'keystone' ? new KeystoneIdentity(identity, ...uses) : new OidcIdentity(identity, ...uses);
    return {
      module: ExternalIamModule,
      imports: [ProjectsModule],
      providers: [{ provide: Identity, inject: [Clock, ProjectsService, Database], useFactory: make }],
      exports: [Identity],
    };
  }
}
