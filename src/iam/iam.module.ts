import { Module } from '@nestjs/common';
import { Identity } from '../auth/identity.js';
import { ProjectsModule } from '../projects/projects.module.js';
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
import { TokenKeys } from './token-keys.js';
import { Tokens } from './tokens.js';
import { VersionsController } from './versions.controller.js';

/** The embedded identity service: apig §6.1. */
@Module({
  imports: [ProjectsModule],
  controllers: [AuthTokensController, DirectoryController, VersionsController],
  providers: [
    AuthTokensService,
    Directory,
    DirectoryService,
    FirstStart,
    IamAdminService,
    IamFileService,
    JwtIdentity,
    Passwords,
    TokenKeys,
    Tokens,
    { provide: Identity, useExisting: JwtIdentity },
  ],
  exports: [Identity, FirstStart, IamAdminService],
})
export class IamModule {}
