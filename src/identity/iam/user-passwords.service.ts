import { Injectable } from '@nestjs/common';
import { AuditService } from '../../platform/audit/audit.service.js';
import { ChangesService } from '../../platform/changes/changes.service.js';
import { ApiFault } from '../../platform/common/api-error.js';
import type { Caller } from '../../platform/common/principal.js';
import { RowMacs } from '../../platform/vault/row-macs.js';
import { inDomain } from '../projects/projects.service.js';
import { AuthorizationCacheInvalidator } from './authorization-cache-invalidator.js';
import { callerOfUser } from './caller-of-user.js';
import { PasswordRepeated } from './iam.errors.js';
import { PasswordCheck } from './password-check.js';
import { Passwords } from './passwords.js';

/** Changes of passwords by the users themselves. */
@Injectable()
export class UserPasswordsService {
  constructor(
    private readonly check: PasswordCheck,
    private readonly passwords: Passwords,
    private readonly changes: ChangesService,
    private readonly audit: AuditService,
    private readonly authorizationCache: AuthorizationCacheInvalidator,
    private readonly macs: RowMacs,
  ) {}

  /**
   * Replaces a password by another one, and ends the user's tokens.
   * @param from the request, for the audit trail and for counting failed attempts
   * @throws ApiFault `credentials_wrong` under the same conditions as a login with the old password, and when the password was changed
   * meanwhile; PasswordRepeated
   */
  async change(
    userId: string,
    given: { password: string; original_password: string },
    from: Pick<Caller, 'requestId' | 'sourceAddress'>,
  ): Promise<void> {
    const { user, stored, succeeded } = await this.check.check({ id: userId }, given.original_password, from.sourceAddress);
    if (given.password === given.original_password) throw new PasswordRepeated();
    const hash = await this.passwords.hash(given.password);
    const caller = callerOfUser(user, from);
    const changed = await this.changes.write(inDomain(user.domainId), async (write) => {
      const values = { password_hash: hash, tokens_valid_from: write.now, password_expires_at: null };
      if (!(await this.macs.update(write, 'users', { id: user.id }, values, (before) => before['password_hash'] === stored))) return false;
      const entry = { action: 'UpdateUserPassword' as const, resourceType: 'User', resourceId: user.id, resourceName: user.name };
      await this.audit.record(write, caller, entry);
      write.change('user', user.id, 'updated');
      return true;
    });
    if (!changed) throw new ApiFault('credentials_wrong');
    await succeeded();
    this.authorizationCache.invalidate();
  }
}
