import { Global, Module } from '@nestjs/common';
import { Impacts } from '../common/impact.js';
import { Receipts } from '../common/receipts.js';
import { CredentialsModule } from './credentials.module.js';
import { GatewayTokensController } from './gateway-tokens.controller.js';
import { GatewaysController } from './gateways.controller.js';
import { ImpactService } from './impact.service.js';
import { NodeReports } from './node-reports.service.js';
import { NodesController } from './nodes.controller.js';
import { NodesService } from './nodes.service.js';
import { ReceiptsService } from './receipts.service.js';
import { RotationScheduler } from './rotation-scheduler.js';
import { RotationsController } from './rotations.controller.js';
import { RotationsService } from './rotations.service.js';
import { SettingsService } from './settings.service.js';
import { SnapshotService } from './snapshot.service.js';
import { VerificationKeysController } from './verification-keys.controller.js';
import { VerificationKeysService } from './verification-keys.service.js';
import { WatchHub } from './watch-hub.js';

/** What gateways read and report. Global, because writes wait for receipts and a deletion can be tried first. */
@Global()
@Module({
  imports: [CredentialsModule],
  controllers: [GatewaysController, GatewayTokensController, NodesController, RotationsController, VerificationKeysController],
  providers: [
    ImpactService,
    { provide: Impacts, useExisting: ImpactService },
    NodeReports,
    NodesService,
    ReceiptsService,
    { provide: Receipts, useExisting: ReceiptsService },
    RotationScheduler,
    RotationsService,
    SettingsService,
    SnapshotService,
    VerificationKeysService,
    WatchHub,
  ],
  exports: [Impacts, Receipts],
})
export class DistributionModule {}
