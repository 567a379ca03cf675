import { Injectable } from '@nestjs/common';
import { Permissions } from '../../platform/auth/permissions.js';
import { TokenCache } from '../../platform/auth/token-cache.js';
import type { Tx } from '../../platform/database/tx.js';
import { StoredAccessKeys } from './stored-access-keys.js';

/** Invalidates the cached results of authentication and authorization in this process. */
@Injectable()
export class AuthorizationCacheInvalidator {
  constructor(
    private readonly tokens: TokenCache,
    private readonly permissions: Permissions,
    private readonly accessKeys: StoredAccessKeys,
  ) {}

  /**
   * Locks the policies and groups of the domain until the end of a transaction that is not a write of the domain itself. Must be the first
   * read of the transaction. Otherwise the database shows the state from before the wait for the lock.
   */
  async lockDomain(tx: Tx, domainId: string): Promise<void> {
    // Not needed on SQLite, which has one writer at a time.
    if (tx.engine === 'mariadb')
      await tx.rows("SELECT revision FROM change_counters WHERE scope_kind = 'domain' AND scope_id = ? FOR UPDATE", [domainId]);
  }

  /**
   * Must be called after the commit. The change applies at once in this process, and in others when their cached entries are not fresh any
   * more (platform/auth/freshness.ts).
   */
  invalidate(): void {
    this.tokens.forgetAll();
    this.permissions.forget();
    this.accessKeys.forget();
  }
}
