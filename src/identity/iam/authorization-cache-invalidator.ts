import { Injectable } from '@nestjs/common';
import { Permissions } from '../../platform/auth/permissions.js';
import { TokenCache } from '../../platform/auth/token-cache.js';
import type { Tx } from '../../platform/database/tx.js';
import { StoredAccessKeys } from './stored-access-keys.js';

/** Invalidates what this process has cached about authentication and permissions. */
@Injectable()
export class AuthorizationCacheInvalidator {
  constructor(
    private readonly tokens: TokenCache,
    private readonly permissions: Permissions,
    private readonly accessKeys: StoredAccessKeys,
  ) {}

  /**
   * Locks the domain's policies and groups until the end of a transaction that is not a write of the domain itself. Must be the first read
   * of the transaction, or the database shows the state from before the wait.
   */
  async lockDomain(tx: Tx, domainId: string): Promise<void> {
    // SQLite has one writer at a time.
    if (tx.engine === 'mariadb')
      await tx.rows("SELECT revision FROM change_counters WHERE scope_kind = 'domain' AND scope_id = ? FOR UPDATE", [domainId]);
  }

  /**
   * Call it after the commit. The change applies at once in this process; in others when their caches are no longer fresh
   * (platform/auth/freshness.ts).
   */
  invalidate(): void {
    this.tokens.forgetAll();
    this.permissions.forget();
    this.accessKeys.forget();
  }
}
