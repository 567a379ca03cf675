import { Module } from '@nestjs/common';
import { ProjectsModule } from '../projects/projects.module.js';
import { AccessKeySecrets } from './access-key-secrets.js';
import { AccessKeysService } from './access-keys.service.js';
import { AccessAdminService } from './access-admin.service.js';
import { AuthorizationCacheInvalidator } from './authorization-cache-invalidator.js';
import { AssignmentsService } from './assignments.service.js';
import { AuthTokensService } from './auth-tokens.service.js';
import { PrivilegeGuard } from './privilege-guard.js';
import { Directory } from './directory.js';
import { DirectoryService } from './directory.service.js';
import { FirstStart } from './first-start.js';
import { UserGroupsService } from './user-groups.service.js';
import { IamAdminService } from './iam-admin.service.js';
import { IamFileService } from './iam-file.service.js';
import { JwtIdentity } from './jwt-identity.js';
import { PasswordCheck } from './password-check.js';
import { LoginSessions } from './login-sessions.js';
import { MySessionsService } from './my-sessions.service.js';
import { Passwords } from './passwords.js';
import { PoliciesService } from './policies.service.js';
import { StoredAccessKeys } from './stored-access-keys.js';
import { TokenKeys } from './token-keys.js';
import { Tokens } from './tokens.js';
import { TotpService } from './totp.service.js';
import { UserPasswordsService } from './user-passwords.service.js';

/**
 * Users, groups, policies and roles without HTTP routes, for the command line. With an external identity service, only the policies are
 * used.
 */
@Module({
  imports: [ProjectsModule],
  providers: [
    AccessAdminService,
    AuthorizationCacheInvalidator,
    AccessKeySecrets,
    AccessKeysService,
    AssignmentsService,
    AuthTokensService,
    PrivilegeGuard,
    Directory,
    DirectoryService,
    FirstStart,
    UserGroupsService,
    IamAdminService,
    IamFileService,
    JwtIdentity,
    LoginSessions,
    MySessionsService,
    PasswordCheck,
    Passwords,
    PoliciesService,
    StoredAccessKeys,
    TokenKeys,
    Tokens,
    TotpService,
    UserPasswordsService,
  ],
  exports: [
    AccessAdminService,
    AccessKeysService,
    AssignmentsService,
    AuthTokensService,
    Directory,
    DirectoryService,
    FirstStart,
    IamAdminService,
    JwtIdentity,
    MySessionsService,
    PoliciesService,
    StoredAccessKeys,
    TotpService,
    UserGroupsService,
    UserPasswordsService,
  ],
})
export class DirectoryModule {}
