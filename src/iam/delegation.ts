import { Injectable } from '@nestjs/common';
import { Actions } from '../auth/actions.js';
import { policiesOf } from '../auth/custom-policies.js';
import { PermissionSet } from '../auth/permission-set.js';
import type { Effect, NamedPolicy } from '../auth/policy.js';
import { Fault } from '../common/api-error.js';
import type { Caller } from '../common/principal.js';
import type { Reads } from '../database/tx.js';
import { isOperator } from '../projects/operator.js';
import { rolesHeld } from './directory.js';
import { NotHeld } from './iam.errors.js';

/** What somebody's rights change by, in one project. */
export interface Change {
  projectId: string;
  /** What the caller has to be allowed there to make it. */
  action: string;
  gained?: readonly NamedPolicy[];
  lost?: readonly NamedPolicy[];
}

const actionsOf = (policies: readonly NamedPolicy[], effect: Effect) =>
  policies.flatMap(({ document }) => document.Statement.filter((statement) => statement.Effect === effect).flatMap(({ Action }) => Action));

/**
 * Nobody gives what they do not hold. To gain a policy is to gain what it allows, and to lose one is to gain what it denies;
 * whoever makes that change must be allowed all of it in the project where it counts (docs/adr/0022). Asked inside the write, so
 * that what is decided on is what is committed.
 */
@Injectable()
export class Delegation {
  constructor(private readonly actions: Actions) {}

  /** @throws Fault `not_found` where the caller has no role at all, `forbidden` without the action; NotHeld */
  async assert(reads: Reads, caller: Caller, { projectId, action, gained = [], lost = [] }: Change): Promise<void> {
    if (isOperator(caller)) return;
    const { principal } = caller;
    const roles = await rolesHeld(reads, principal.userId, projectId);
    if (roles.length === 0) throw new Fault('not_found');
    const held = new PermissionSet(await policiesOf(reads, principal.domainId, roles));
    if (!held.allows(action)) throw new Fault('forbidden');
    const given = [...actionsOf(gained, 'Allow'), ...actionsOf(lost, 'Deny')];
    const missing = given.find((pattern) => !held.covers(pattern, this.actions.all));
    if (missing !== undefined) throw new NotHeld(missing);
  }
}
