import { Module } from '@nestjs/common';
import { AccessKeyIdentity } from '../auth/access-key-identity.js';
import { Identity } from '../auth/identity.js';
import { ProjectsModule } from '../projects/projects.module.js';
import { AccessKeysController } from './access-keys.controller.js';
import { AccessKeySecrets } from './access-key-secrets.js';
import { AccessKeysService } from './access-keys.service.js';
import { AuthTokensController } from './auth-tokens.controller.js';
import { AuthTokensService } from './auth-tokens.service.js';
import { DirectoryController } from './directory.controller.js';
import { Directory } from './directory.js';
import { DirectoryService } from './directory.service.js';
import { FirstStart } from './first-start.js';
import { IamAdminService } from './iam-admin.service.js';
import { IamFileService } from './iam-file.service.js';
import { JwtIdentity } from './jwt-identity.js';
import { Passwords } from './passwords.js';
import { StoredAccessKeys } from './stored-access-keys.js';
import { TokenKeys } from './token-keys.js';
import { Tokens } from './tokens.js';
import { VersionsController } from './versions.controller.js';

/** The embedded identity service: apig §6.1. */
@Module({
  imports: [ProjectsModule],
  controllers: [AccessKeysController, AuthTokensController, DirectoryController, VersionsController],
  providers: [
    AccessKeySecrets,
    AccessKeysService,
    AuthTokensService,
    Directory,
    DirectoryService,
    FirstStart,
    IamAdminService,
    IamFileService,
    JwtIdentity,
    Passwords,
    StoredAccessKeys,
    TokenKeys,
    Tokens,
    { provide: Identity, useExisting: JwtIdentity },
    { provide: AccessKeyIdentity, useExisting: StoredAccessKeys },
  ],
  exports: [AccessKeyIdentity, AccessKeysService, Identity, FirstStart, IamAdminService],
})
export class IamModule {}
