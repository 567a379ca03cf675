import { Module } from '@nestjs/common';
import { AccessKeyIdentity } from '../auth/access-key-identity.js';
import { Identity } from '../auth/identity.js';
import { ProjectsModule } from '../projects/projects.module.js';
import { AccessKeysController } from './access-keys.controller.js';
import { AccessKeySecrets } from './access-key-secrets.js';
import { AccessKeysService } from './access-keys.service.js';
import { AccessAdminService } from './access-admin.service.js';
import { AccessChanges } from './access-changes.js';
import { AssignmentsController } from './assignments.controller.js';
import { AssignmentsService } from './assignments.service.js';
import { AuthTokensController } from './auth-tokens.controller.js';
import { AuthTokensService } from './auth-tokens.service.js';
import { DirectoryController } from './directory.controller.js';
import { Delegation } from './delegation.js';
import { Directory } from './directory.js';
import { DirectoryService } from './directory.service.js';
import { FirstStart } from './first-start.js';
import { UserGroupsController } from './user-groups.controller.js';
import { UserGroupsService } from './user-groups.service.js';
import { IamAdminService } from './iam-admin.service.js';
import { IamFileService } from './iam-file.service.js';
import { JwtIdentity } from './jwt-identity.js';
import { Passwords } from './passwords.js';
import { PoliciesController } from './policies.controller.js';
import { PoliciesService } from './policies.service.js';
import { StoredAccessKeys } from './stored-access-keys.js';
import { TokenKeys } from './token-keys.js';
import { Tokens } from './tokens.js';
import { VersionsController } from './versions.controller.js';

/** The embedded identity service: apig §6.1. */
@Module({
  imports: [ProjectsModule],
  controllers: [
    AccessKeysController,
    AssignmentsController,
    AuthTokensController,
    DirectoryController,
    UserGroupsController,
    PoliciesController,
    VersionsController,
  ],
  providers: [
    AccessAdminService,
    AccessChanges,
    AccessKeySecrets,
    AccessKeysService,
    AssignmentsService,
    AuthTokensService,
    Delegation,
    Directory,
    DirectoryService,
    FirstStart,
    UserGroupsService,
    IamAdminService,
    IamFileService,
    JwtIdentity,
    Passwords,
    PoliciesService,
    StoredAccessKeys,
    TokenKeys,
    Tokens,
    { provide: Identity, useExisting: JwtIdentity },
    { provide: AccessKeyIdentity, useExisting: StoredAccessKeys },
  ],
  exports: [AccessAdminService, AccessKeyIdentity, AccessKeysService, Identity, FirstStart, IamAdminService],
})
export class IamModule {}
