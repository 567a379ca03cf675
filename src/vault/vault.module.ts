import { Global, Module } from '@nestjs/common';
import { KekStatusService } from './kek-status.service.js';
import { RewrapService } from './rewrap.service.js';
import { VaultService } from './vault.service.js';

@Global()
@Module({ providers: [VaultService, RewrapService, KekStatusService], exports: [VaultService] })
export class VaultModule {}
