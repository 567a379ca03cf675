import { Injectable } from '@nestjs/common';
import { Actions } from '../../platform/auth/actions.js';
import { policiesOf } from '../../platform/auth/custom-policies.js';
import { PermissionSet } from '../../platform/auth/permission-set.js';
import type { Effect, NamedPolicy } from '../../platform/auth/policy.js';
import { ApiFault } from '../../platform/common/api-error.js';
import type { Caller } from '../../platform/common/principal.js';
import type { Rows, Tx } from '../../platform/database/tx.js';
import { RowMacs } from '../../platform/vault/row-macs.js';
import { isOperator } from '../projects/operator.js';
import { rolesHeld } from './directory.js';
import { PrivilegeEscalation } from './iam.errors.js';

/** A change of the rights of a user or a group in one project. */
export interface RightsChange {
  projectId: string;
  /** The action that the caller needs in the project to make the change. */
  action: string;
  gained?: readonly NamedPolicy[];
  lost?: readonly NamedPolicy[];
}

const actionsOf = (policies: readonly NamedPolicy[], effect: Effect) =>
  policies.flatMap(({ document }) => document.Statement.filter((statement) => statement.Effect === effect).flatMap(({ Action }) => Action));

/**
 * Prevents privilege escalation: a caller can only grant rights that it has itself (docs/adr/0022). Somebody who gains a policy gains what
 * it allows; somebody who loses a policy gains what it denies. The caller must have all these rights in the project. The check runs inside
 * the write, so that the decision is based on committed data.
 */
@Injectable()
export class PrivilegeGuard {
  constructor(
    private readonly actions: Actions,
    private readonly macs: RowMacs,
  ) {}

  /** Checks a change in its transaction. @throws the errors of {@link heldBy}, and PrivilegeEscalation */
  async assertHolds(tx: Tx, caller: Caller, { projectId, action, gained = [], lost = [] }: RightsChange): Promise<void> {
    const held = await this.heldBy(tx, caller, { projectId, action });
    if (held === undefined) return;
    const given = [...actionsOf(gained, 'Allow'), ...actionsOf(lost, 'Deny')];
    const missing = given.find((pattern) => !held.covers(pattern, this.actions.all));
    if (missing !== undefined) throw new PrivilegeEscalation(missing);
  }

  /**
   * @returns the permissions of the caller in the project; undefined for the operator, who may do everything
   * @throws ApiFault `not_found` when the caller has no role in the project, `forbidden` when it does not have the action
   */
  async heldBy(
    rows: Rows,
    caller: Caller,
    { projectId, action }: Pick<RightsChange, 'projectId' | 'action'>,
  ): Promise<PermissionSet | undefined> {
    if (isOperator(caller)) return undefined;
    const { principal } = caller;
    const roles = await rolesHeld(this.macs, rows, principal.userId, projectId);
    if (roles.length === 0) throw new ApiFault('not_found');
    const held = new PermissionSet(await policiesOf(this.macs, rows, principal.domainId, roles));
    if (!held.allows(action)) throw new ApiFault('forbidden');
    return held;
  }
}
