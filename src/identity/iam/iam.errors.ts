import { ContractError, ApiFault } from '../../platform/common/api-error.js';

/** The name is taken in the domain, or it is reserved. */
export class NameTaken extends ApiFault {
  constructor() {
    super('conflict');
  }
}

/** The caller would grant a right that it does not have. */
export class PrivilegeEscalation extends ContractError {
  constructor(pattern: string) {
    super(403, 'Forbidden', `You cannot grant a permission that you do not have in the project: ${pattern}`);
  }
}

/** The password is correct, but must be changed first. The text is Keystone's, because its clients find the id of the user in it. */
export class PasswordExpired extends ContractError {
  constructor(userId: string) {
    super(401, 'Unauthorized', `The password is expired and needs to be changed for user: ${userId}.`);
  }
}

/** The password is right, and the user has one-time passwords. Keystone's text. */
export class PasscodeRequired extends ContractError {
  constructor() {
    super(401, 'Unauthorized', 'Additional authentications steps required.');
  }
}

/** The new password is the old one. It would be known to the same people as before. */
export class PasswordRepeated extends ContractError {
  constructor() {
    super(400, 'Bad Request', 'The new password must differ from the old password.');
  }
}

/** The policy cannot be evaluated. The message says why. */
export class PolicyRefused extends ContractError {
  constructor(words: string) {
    super(400, 'Bad Request', `Invalid input: role.policy: ${words}`);
  }
}
