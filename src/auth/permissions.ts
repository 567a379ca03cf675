import { Injectable, Logger } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { Clock } from '../common/clock.js';
import type { Principal } from '../common/principal.js';
import { Database } from '../database/database.js';
import { policiesOf } from './custom-policies.js';
import { PermissionSet } from './permission-set.js';

const SETS_MAX = 10_000;
/** A policy that another process has changed counts here within this time. */
const FRESH_MS = 30_000;

interface Kept {
  set: PermissionSet;
  until: number;
}

type Holder = Pick<Principal, 'domainId' | 'roles'>;

/** What a principal may do, by the policies that its roles name. Names that stand for no policy grant nothing. */
@Injectable()
export class Permissions {
  readonly #logger = new Logger(Permissions.name);
  readonly #kept = new LRUCache<string, Kept>({ max: SETS_MAX });
  readonly #underway = new Map<string, Promise<PermissionSet>>();
  /** Counts changes, so that a look-up begun before one does not outlive it in memory. */
  #changes = 0;

  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
  ) {}

  /** At once when it is known, else a promise of it. */
  of(holder: Holder): PermissionSet | Promise<PermissionSet> {
    const key = `${holder.domainId}\0${holder.roles.join('\0')}`;
    const kept = this.#kept.get(key);
    if (kept && this.clock.now() < kept.until) return kept.set;
    return this.#underway.get(key) ?? this.compile(key, holder);
  }

  /** Forgets what was compiled, because a policy has changed. */
  forget(): void {
    this.#changes++;
    this.#kept.clear();
    this.#underway.clear();
  }

  private compile(key: string, { domainId, roles }: Holder): Promise<PermissionSet> {
    const changes = this.#changes;
    const compiled = policiesOf(this.database, domainId, roles)
      .then((policies) => {
        const missing = roles.filter((role) => !policies.some(({ name }) => name === role));
        // A Deny that is missing denies nothing, and nobody would notice.
        if (missing.length > 0) this.#logger.warn(`roles that stand for no policy: ${JSON.stringify(missing)}`);
        const set = new PermissionSet(policies);
        if (changes === this.#changes) this.#kept.set(key, { set, until: this.clock.now() + FRESH_MS });
        return set;
      })
      .finally(() => {
        if (this.#underway.get(key) === compiled) this.#underway.delete(key);
      });
    this.#underway.set(key, compiled);
    return compiled;
  }
}
