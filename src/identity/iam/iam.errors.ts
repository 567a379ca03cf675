import { ContractError, ApiFault } from '../../platform/common/api-error.js';

/** The name is taken in the domain, or reserved. */
export class NameTaken extends ApiFault {
  constructor() {
    super('conflict');
  }
}

/** The caller would grant a right that it does not have. */
export class PrivilegeEscalation extends ContractError {
  constructor(pattern: string) {
    super(403, 'Forbidden', `You cannot give what you do not hold in that project: ${pattern}`);
  }
}

/** A policy that cannot be evaluated, and why. */
export class PolicyRefused extends ContractError {
  constructor(words: string) {
    super(400, 'Bad Request', `Invalid input: role.policy: ${words}`);
  }
}
