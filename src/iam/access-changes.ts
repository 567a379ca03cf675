import { Injectable } from '@nestjs/common';
import { Permissions } from '../auth/permissions.js';
import { TokenCache } from '../auth/token-cache.js';
import type { Tx } from '../database/tx.js';
import { StoredAccessKeys } from './stored-access-keys.js';

/** What every change of who may do what has in common. */
@Injectable()
export class AccessChanges {
  constructor(
    private readonly tokens: TokenCache,
    private readonly permissions: Permissions,
    private readonly accessKeys: StoredAccessKeys,
  ) {}

  /**
   * Holds the domain until the end of a transaction that is not a write of the domain itself, so that its policies and groups stay
   * as they are read. The first read of the transaction, or the database shows what was there before the wait.
   */
  async holdDomain(tx: Tx, domainId: string): Promise<void> {
    // SQLite has one writer at a time anyway.
    if (tx.engine === 'mariadb') await tx.rows('SELECT revision FROM change_counters WHERE scope_id = ? FOR UPDATE', [domainId]);
  }

  /** Makes a committed change count here at once; other processes see it within the 30 seconds of their caches. */
  committed(): void {
    this.tokens.forgetAll();
    this.permissions.forget();
    this.accessKeys.forget();
  }
}
