import { ApiFault } from '../../platform/common/api-error.js';
import { ProjectNameTaken } from '../projects/projects.errors.js';
import { NameTaken, PasscodeRequired, PasswordExpired, PasswordRepeated, PolicyRefused, PrivilegeEscalation } from './iam.errors.js';

/** Errors that only some operations on tokens return (docs/contracts/apig.md §6.1). */
export const TOKEN_ERRORS = {
  /** The second error occurs for an unknown scope, for a scope in which the user has no role, and for a token that cannot be exchanged. */
  issue: [new ApiFault('credentials_wrong'), new ApiFault('token_invalid'), new PasswordExpired('{user_id}'), new PasscodeRequired()],
  /** The last error has the same text for an invalid token and for a token that the caller may not see. */
  subject: [new ApiFault('missing', { parameter: 'X-Subject-Token' }), new ApiFault('not_found')],
};

/** The first error is the same for an unknown user and for a wrong password. */
export const PASSWORD_ERRORS = [new ApiFault('credentials_wrong'), new PasswordRepeated()];

/** The errors about one-time passwords. 409: there are some already, or no secret waits for its first code. */
export const TOTP_ERRORS = [new ApiFault('forbidden', { detail: 'The password or the passcode is wrong.' }), new ApiFault('conflict')];

export const PROJECT_ERRORS = {
  create: [new ProjectNameTaken()],
};

/** The first error of each operation has the same text for a resource that does not exist and for one that the caller may not see. */
export const ACCESS_KEY_ERRORS = {
  read: [new ApiFault('not_found')],
  /** The second error occurs for a user with the maximum number of keys, the third for a caller with a temporary key. */
  create: [new ApiFault('not_found'), new ApiFault('conflict'), new ApiFault('forbidden'), new PrivilegeEscalation('{action}')],
  change: [new ApiFault('not_found'), new ApiFault('forbidden')],
};

const NOT_FOUND = new ApiFault('not_found');

/** Errors that only some operations on groups, policies and roles return. */
export const ACCESS_ERRORS = {
  create: [new NameTaken()],
  one: [NOT_FOUND],
  change: [NOT_FOUND, new PrivilegeEscalation('{action}')],
};

export const POLICY_ERRORS = [new PolicyRefused('{fault}')];
