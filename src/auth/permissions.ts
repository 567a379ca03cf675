import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import type { Principal } from '../common/principal.js';
import { PermissionSet } from './permission-set.js';
import { SYSTEM_POLICIES } from './system-policies.js';

const SETS_MAX = 10_000;

/** What a principal may do, by the policies that its roles name. Unknown names grant nothing. */
@Injectable()
export class Permissions {
  readonly #sets = new LRUCache<string, PermissionSet>({ max: SETS_MAX });

  of({ roles }: Pick<Principal, 'domainId' | 'roles'>): PermissionSet | Promise<PermissionSet> {
    const key = roles.join('|');
    let set = this.#sets.get(key);
    if (!set) this.#sets.set(key, (set = new PermissionSet(SYSTEM_POLICIES.filter(({ name }) => roles.includes(name)))));
    return set;
  }
}
