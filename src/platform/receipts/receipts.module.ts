import { Global, Module } from '@nestjs/common';
import { ReceiptsService } from './receipts.service.js';
import { SilenceWatch } from './silence-watch.js';

/** Global, because every module whose writes end signatures returns receipts. */
@Global()
@Module({ providers: [ReceiptsService, SilenceWatch], exports: [ReceiptsService] })
export class ReceiptsModule {}
