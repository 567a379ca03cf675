import { Module } from '@nestjs/common';
import { MachineIdentity } from '../../platform/auth/machine-identity.js';
import { GatewayTokens } from './gateway-tokens.service.js';

/** Authenticates machines for the guard. It is a separate module, because the guard runs before everything else in src/distribution. */
@Module({ providers: [GatewayTokens, { provide: MachineIdentity, useExisting: GatewayTokens }], exports: [GatewayTokens, MachineIdentity] })
export class CredentialsModule {}
