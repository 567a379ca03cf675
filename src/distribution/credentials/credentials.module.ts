import { Module } from '@nestjs/common';
import { MachineIdentity } from '../../platform/auth/machine-identity.js';
import { GatewayTokens } from './gateway-tokens.service.js';

/** Authenticates machines for the guard. A module of its own, because the guard runs before everything else in this district. */
@Module({ providers: [GatewayTokens, { provide: MachineIdentity, useExisting: GatewayTokens }], exports: [GatewayTokens, MachineIdentity] })
export class CredentialsModule {}
