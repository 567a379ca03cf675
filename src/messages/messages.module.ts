import { type DynamicModule, Module } from '@nestjs/common';
import { DeliveryQueue } from './delivery-queue.js';
import { DeliveryService } from './delivery.service.js';
import { HousekeepingService } from './housekeeping.service.js';
import { Intake } from './intake.js';
import { MessageActionsService } from './message-actions.service.js';
import { MessageLogsController } from './message-logs.controller.js';
import { MessageLogsService } from './message-logs.service.js';
import { MessagesController } from './messages.controller.js';
import { MessagesService } from './messages.service.js';
import { Receivers } from './receivers.js';
import { SendController } from './send.controller.js';

/** Webhook messages: accepted, delivered, retried, replayed. */
@Module({})
export class MessagesModule {
  /** @param endpoints the module of the endpoints that messages go to */
  static with(endpoints: DynamicModule): DynamicModule {
    return {
      module: MessagesModule,
      imports: [endpoints],
      controllers: [SendController, MessagesController, MessageLogsController],
      providers: [
        DeliveryQueue,
        DeliveryService,
        HousekeepingService,
        Intake,
        MessageActionsService,
        MessageLogsService,
        MessagesService,
        Receivers,
      ],
    };
  }
}
