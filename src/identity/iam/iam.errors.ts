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

/** The password is right, and must be changed first. Keystone's text, by which its clients find the user's id. */
export class PasswordExpired extends ContractError {
  constructor(userId: string) {
    super(401, 'Unauthorized', `The password is expired and needs to be changed for user: ${userId}.`);
  }
}

/** A new password that is the old one would leave it as known as it was. */
export class PasswordRepeated extends ContractError {
  constructor() {
    super(400, 'Bad Request', 'The new password must be different from the one that it replaces.');
  }
}

/** A policy that cannot be evaluated, and why. */
export class PolicyRefused extends ContractError {
  constructor(words: string) {
    super(400, 'Bad Request', `Invalid input: role.policy: ${words}`);
  }
}
