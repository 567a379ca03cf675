import { Module } from '@nestjs/common';
import { CredentialsModule } from './credentials/credentials.module.js';
import { DeletedGateways } from './credentials/deleted-gateways.js';
import { GatewayTokensController } from './credentials/gateway-tokens.controller.js';
import { ProjectsModule } from '../identity/projects/projects.module.js';
import { GatewaysController } from './sessions/gateways.controller.js';
import { SignsModule } from '../apig/signs/signs.module.js';
import { ReceiptsController } from './sessions/receipts.controller.js';
import { RotationScheduler } from './rotation/rotation-scheduler.js';
import { RotationsController } from './rotation/rotations.controller.js';
import { RotationsService } from './rotation/rotations.service.js';
import { SessionReports } from './sessions/session-reports.service.js';
import { SessionsController } from './sessions/sessions.controller.js';
import { SessionsService } from './sessions/sessions.service.js';
import { SettingsService } from './sessions/settings.service.js';
import { SnapshotService } from './snapshot/snapshot.service.js';
import { TableDigests } from './snapshot/table-digests.js';
import { VerificationKeysController } from './verifiers/verification-keys.controller.js';
import { VerificationKeysService } from './verifiers/verification-keys.service.js';
import { VerifierSilence } from './verifiers/verifier-silence.js';
import { VerifiersController } from './verifiers/verifiers.controller.js';
import { VerifiersService } from './verifiers/verifiers.service.js';
import { SubscriptionHub } from './watch/subscription-hub.js';

/** Serves gateway nodes and verifiers, and stores what they report. */
@Module({
  imports: [CredentialsModule, ProjectsModule, SignsModule],
  controllers: [
    GatewaysController,
    GatewayTokensController,
    ReceiptsController,
    SessionsController,
    RotationsController,
    VerificationKeysController,
    VerifiersController,
  ],
  providers: [
    DeletedGateways,
    RotationScheduler,
    RotationsService,
    SessionReports,
    SessionsService,
    SettingsService,
    SnapshotService,
    TableDigests,
    VerificationKeysService,
    VerifierSilence,
    VerifiersService,
    SubscriptionHub,
  ],
})
export class DistributionModule {}
