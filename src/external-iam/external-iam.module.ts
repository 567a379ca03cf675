import { type DynamicModule, Module } from '@nestjs/common';
import { Identity } from '../auth/identity.js';
import { Clock } from '../common/clock.js';
import type { IdentityConfig } from '../config/identity-config.js';
import { ProjectsModule } from '../projects/projects.module.js';
import { ProjectsService } from '../projects/projects.service.js';
import { KeystoneIdentity } from './keystone-identity.js';
import { OidcIdentity } from './oidc-identity.js';

/** The identity service of somebody else, in the place of the embedded one. */
@Module({})
export class ExternalIamModule {
  static for(identity: IdentityConfig): DynamicModule {
    const make = (clock: Clock, projects: ProjectsService): Identity =>
      identity.kind === 'keystone' ? new KeystoneIdentity(identity, clock, projects) : new OidcIdentity(identity, clock, projects);
    return {
      module: ExternalIamModule,
      imports: [ProjectsModule],
      providers: [{ provide: Identity, inject: [Clock, ProjectsService], useFactory: make }],
      exports: [Identity],
    };
  }
}
