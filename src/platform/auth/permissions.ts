import { Injectable, Logger } from '@nestjs/common';
import { Clock } from '../common/clock.js';
import type { Principal } from '../common/principal.js';
import { Database } from '../database/database.js';
import { RowMacs } from '../vault/row-macs.js';
import { policiesOf } from './custom-policies.js';
import { FRESH_MS } from './freshness.js';
import { PermissionSet } from './permission-set.js';
import { RevocableCache } from './revocable-cache.js';

const SETS_MAX = 10_000;

type Holder = Pick<Principal, 'domainId' | 'roles'>;

/**
 * Computes a principal's permissions from the policies that its roles name. A role without a policy of its name grants nothing.
 *
 * Guarantees: A changed policy applies at once in the process that changed it, and within `FRESH_MS` in every other.
 * Condition: The change calls `forget` after its commit.
 * Degrades: While the policies cannot be read, a request without a fresh entry fails.
 */
@Injectable()
export class Permissions {
  readonly #logger = new Logger(Permissions.name);
  readonly #cache: RevocableCache<PermissionSet, Holder>;

  constructor(
    private readonly database: Database,
    private readonly macs: RowMacs,
    clock: Clock,
  ) {
    this.#cache = new RevocableCache({ max: SETS_MAX, clock, freshMs: () => FRESH_MS, lookUp: (holder) => this.compile(holder) });
  }

  /** Returns synchronously if cached. */
  of(holder: Holder): PermissionSet | Promise<PermissionSet> {
    return this.#cache.get(`${holder.domainId}\0${holder.roles.join('\0')}`, holder);
  }

  /** Clears the cache after a policy has changed. */
  forget(): void {
    this.#cache.forgetAll();
  }

  private async compile({ domainId, roles }: Holder): Promise<PermissionSet> {
    const policies = await policiesOf(this.macs, this.database, domainId, roles);
    const missing = roles.filter((role) => !policies.some(({ name }) => name === role));
    // A Deny policy that is missing by mistake would otherwise go unnoticed.
    if (missing.length > 0)
      this.#logger.warn(`these roles grant and deny nothing, because no policy has their name: ${JSON.stringify(missing)}`);
    return new PermissionSet(policies);
  }
}
