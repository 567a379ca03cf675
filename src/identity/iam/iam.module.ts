import { Module } from '@nestjs/common';
import { AccessKeyIdentity } from '../../platform/auth/access-key-identity.js';
import { Identity } from '../../platform/auth/identity.js';
import { AccessKeysController } from './access-keys.controller.js';
import { AssignmentsController } from './assignments.controller.js';
import { AuthTokensController } from './auth-tokens.controller.js';
import { DirectoryController } from './directory.controller.js';
import { UserGroupsController } from './user-groups.controller.js';
import { PoliciesController } from './policies.controller.js';
import { MySessionsController } from './my-sessions.controller.js';
import { MyTotpController } from './my-totp.controller.js';
import { UserPasswordsController } from './user-passwords.controller.js';
import { VersionsController } from './versions.controller.js';
import { DirectoryModule } from './directory.module.js';
import { JwtIdentity } from './jwt-identity.js';
import { StoredAccessKeys } from './stored-access-keys.js';

/** The embedded identity service (docs/contracts/apig.md §6.1). */
@Module({
  imports: [DirectoryModule],
  controllers: [
    AccessKeysController,
    AssignmentsController,
    AuthTokensController,
    DirectoryController,
    UserGroupsController,
    MySessionsController,
    MyTotpController,
    PoliciesController,
    UserPasswordsController,
    VersionsController,
  ],
  providers: [
    { provide: Identity, useExisting: JwtIdentity },
    { provide: AccessKeyIdentity, useExisting: StoredAccessKeys },
  ],
  exports: [AccessKeyIdentity, DirectoryModule, Identity],
})
export class IamModule {}
