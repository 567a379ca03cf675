import { type DynamicModule, Module } from '@nestjs/common';
import { DeliveryQueue } from '../delivery/delivery-queue.js';
import { DeliveryResults } from '../delivery/delivery-results.js';
import { DeliverySession } from '../delivery/delivery-session.js';
import { DeliveryService } from '../delivery/delivery.service.js';
import { EndpointHealth } from '../delivery/endpoint-health.service.js';
import { EndpointOperationsController } from './endpoint-operations.controller.js';
import { EndpointOperationsService } from './endpoint-operations.service.js';
import { HousekeepingService } from '../delivery/housekeeping.service.js';
import { MessageStore } from '../delivery/message-store.js';
import { MessageActionsService } from './message-actions.service.js';
import { MessageLogsController } from './message-logs.controller.js';
import { MessageLogsService } from './message-logs.service.js';
import { MessagesController } from './messages.controller.js';
import { MessagesService } from './messages.service.js';
import { EndpointResolver } from '../delivery/endpoint-resolver.js';
import { SendController } from './send.controller.js';

@Module({})
export class MessagesModule {
  /** @param endpoints the configured {@link EndpointsModule} */
  static with(endpoints: DynamicModule): DynamicModule {
    return {
      module: MessagesModule,
      imports: [endpoints],
      controllers: [SendController, MessagesController, MessageLogsController, EndpointOperationsController],
      providers: [
        DeliveryQueue,
        DeliveryResults,
        DeliveryService,
        DeliverySession,
        EndpointHealth,
        EndpointOperationsService,
        HousekeepingService,
        MessageStore,
        MessageActionsService,
        MessageLogsService,
        MessagesService,
        EndpointResolver,
      ],
    };
  }
}
