import { Global, Module } from '@nestjs/common';
import { OperationalEvents } from '../../platform/audit/operational-events.js';
import { PendingMessages } from '../endpoints/pending-messages.js';
import { PendingMessagesService } from './pending-messages.service.js';
import { MessageEvents } from './message-events.js';

/** Gives lower layers (endpoints, identity) access to messages, so that they need not import the messages module. */
@Global()
@Module({
  providers: [
    { provide: PendingMessages, useClass: PendingMessagesService },
    MessageEvents,
    { provide: OperationalEvents, useExisting: MessageEvents },
  ],
  exports: [PendingMessages, MessageEvents, OperationalEvents],
})
export class PendingMessagesModule {}
