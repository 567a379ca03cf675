import { type DynamicModule, Module, type ModuleMetadata } from '@nestjs/common';
import { ApiKeysModule } from '../api-keys/api-keys.module.js';
import { ApiKeysController } from '../api-keys/api-keys.controller.js';
import { EndpointsController } from './endpoints.controller.js';
import { EndpointReceiptsController } from './endpoint-receipts.controller.js';
import { EndpointReceipts } from './endpoint-receipts.service.js';
import { EndpointStatesController } from './endpoint-states.controller.js';
import { EndpointStatesService } from './endpoint-states.service.js';
import { EndpointsService } from './endpoints.service.js';
import { ExpiredKeys } from '../signing-keys/expired-keys.js';
import { SigningKeyDetailsController } from '../signing-keys/signing-key-details.controller.js';
import { SigningKeysController } from '../signing-keys/signing-keys.controller.js';
import { SigningKeysService } from '../signing-keys/signing-keys.service.js';
import { ProjectsModule } from '../../identity/projects/projects.module.js';
import { DnsResolver } from './dns-resolver.js';
import { SsrfGuard } from './ssrf-guard.js';
import { WebhookProjectsController } from '../projects/webhook-projects.controller.js';
import { WebhookProjectsService } from '../projects/webhook-projects.service.js';

/** Webhook endpoints with their signing keys, and API keys and projects. */
@Module({})
export class EndpointsModule {
  /**
   * @param pendingMessages the module that exports `PendingMessages`. It is a parameter, because the messages module depends on this one
   */
  static with(...pendingMessages: NonNullable<ModuleMetadata['imports']>): DynamicModule {
    return {
      module: EndpointsModule,
      imports: [ApiKeysModule, ProjectsModule, ...pendingMessages],
      controllers: [
        EndpointsController,
        EndpointStatesController,
        EndpointReceiptsController,
        SigningKeysController,
        SigningKeyDetailsController,
        ApiKeysController,
        WebhookProjectsController,
      ],
      providers: [
        EndpointReceipts,
        DnsResolver,
        SsrfGuard,
        EndpointsService,
        EndpointStatesService,
        ExpiredKeys,
        SigningKeysService,
        WebhookProjectsService,
      ],
      exports: [EndpointStatesService, DnsResolver, SsrfGuard],
    };
  }
}
