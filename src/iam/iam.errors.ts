import { ContractError, Fault } from '../common/api-error.js';

/** The domain has one of this name, or the name is kept. */
export class NameTaken extends Fault {
  constructor() {
    super('conflict');
  }
}

/** The caller would give away what it does not hold itself. */
export class NotHeld extends ContractError {
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
