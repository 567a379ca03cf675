import { type DynamicModule, Module, type ModuleMetadata } from '@nestjs/common';
import { ApiKeysModule } from './api-keys.module.js';
import { ApiKeysController } from './api-keys.controller.js';
import { EndpointsController } from './endpoints.controller.js';
import { EndpointsService } from './endpoints.service.js';
import { ExpiredKeys } from './expired-keys.js';
import { SigningKeyDetailsController } from './signing-key-details.controller.js';
import { SigningKeysController } from './signing-keys.controller.js';
import { SigningKeysService } from './signing-keys.service.js';
import { ProjectsModule } from '../projects/projects.module.js';
import { Resolver, Targets } from './targets.js';
import { WebhookProjectsController } from './webhook-projects.controller.js';
import { WebhookProjectsService } from './webhook-projects.service.js';

/**
 * Webhook endpoints, their signing keys, API keys. What becomes of an endpoint's messages comes from a module of `backlog`, which exports
 * `Backlog`: messages stand above endpoints.
 */
@Module({})
export class EndpointsModule {
  static with(...backlog: NonNullable<ModuleMetadata['imports']>): DynamicModule {
    return {
      module: EndpointsModule,
      imports: [ApiKeysModule, ProjectsModule, ...backlog],
      controllers: [EndpointsController, SigningKeysController, SigningKeyDetailsController, ApiKeysController, WebhookProjectsController],
      providers: [Resolver, Targets, EndpointsService, ExpiredKeys, SigningKeysService, WebhookProjectsService],
      exports: [Resolver, Targets],
    };
  }
}
