import { Module } from '@nestjs/common';
import { MachineIdentity } from '../auth/machine-identity.js';
import { GatewayTokens } from './gateway-tokens.service.js';

/** Who a machine is, for the guard: apart from the rest, which the guard stands before. */
@Module({ providers: [GatewayTokens, { provide: MachineIdentity, useExisting: GatewayTokens }], exports: [GatewayTokens, MachineIdentity] })
export class CredentialsModule {}
