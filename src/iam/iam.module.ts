import { Module } from '@nestjs/common';
import { Identity } from '../auth/identity.js';
import { Fault } from '../common/api-error.js';
import type { Principal } from '../common/principal.js';

// Stands in until the identity service is there: takes `stub:<project id>:<role>`.
class StubIdentity extends Identity {
  async authenticate(token: string): Promise<Principal> {
    const [stub, projectId, role] = token.split(':');
    if (stub !== 'stub' || !role) throw new Fault('token_invalid');
    return { userId: 'u', userName: 'stub', domainId: 'd', domainName: 'd', projectId, projectName: 'p', roles: [role], credentialHash: 'stub', expiresAt: 8e15 };
  }
}

@Module({ providers: [{ provide: Identity, useClass: StubIdentity }], exports: [Identity] })
export class IamModule {}
