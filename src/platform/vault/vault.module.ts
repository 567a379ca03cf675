import { Global, Module } from '@nestjs/common';
import { BrokenRows } from './broken-rows.js';
import { KekStatusService } from './kek-status.service.js';
import { RewrapService } from './rewrap.service.js';
import { RowMacRotation } from './row-mac-rotation.js';
import { RowMacs } from './row-macs.js';
import { VaultService } from './vault.service.js';

@Global()
@Module({
  providers: [BrokenRows, VaultService, RowMacs, RowMacRotation, RewrapService, KekStatusService],
  exports: [BrokenRows, VaultService, RowMacs],
})
export class VaultModule {}
