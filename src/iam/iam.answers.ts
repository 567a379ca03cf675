import { Fault } from '../common/api-error.js';
import { ProjectNameTaken } from '../projects/projects.errors.js';
import { NameTaken, NotHeld, PolicyRefused } from './iam.errors.js';

/** What an operation on tokens answers of its own (apig §6.1). */
export const TOKEN_ERRORS = {
  /** The second for a scope that is not there or in which the user holds no role, and for a token that cannot be exchanged. */
  issue: [new Fault('credentials_wrong'), new Fault('token_invalid')],
  /** The last in one wording for a token that is bad and for one that is none of the caller's business. */
  subject: [new Fault('missing', { parameter: 'X-Subject-Token' }), new Fault('not_found')],
};

export const PROJECT_ERRORS = {
  create: [new ProjectNameTaken()],
};

/** The first of each in one wording for what is not there and what is none of the caller's business. */
export const ACCESS_KEY_ERRORS = {
  read: [new Fault('not_found')],
  /** The second for a user that has all the keys it may have, the third for a caller with a temporary key. */
  create: [new Fault('not_found'), new Fault('conflict'), new Fault('forbidden'), new NotHeld('{action}')],
  change: [new Fault('not_found'), new Fault('forbidden')],
};

const NOT_FOUND = new Fault('not_found');

/** What the operations on groups, policies and roles answer of their own. */
export const ACCESS_ERRORS = {
  create: [new NameTaken()],
  one: [NOT_FOUND],
  change: [NOT_FOUND, new NotHeld('{action}')],
};

export const POLICY_ERRORS = [new PolicyRefused('{fault}')];
