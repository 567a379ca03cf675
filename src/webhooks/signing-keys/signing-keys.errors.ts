import { ContractError } from '../../platform/common/api-error.js';
import { EndpointNotFound } from '../delivery-log/endpoint-scope.js';

/** The key does not exist, was deleted, has expired, or belongs to another endpoint. All cases have the same error. */
export class SigningKeyNotFound extends ContractError {
  constructor() {
    super(404, 'NOT_FOUND', 'Signing key not found');
  }
}

export class MaxSigningKeysReached extends ContractError {
  constructor() {
    super(409, 'MAX_SIGNING_KEYS_REACHED', 'Endpoint already has the maximum of 2 signing keys');
  }
}

export class CannotDeleteLastSigningKey extends ContractError {
  constructor() {
    super(409, 'CANNOT_DELETE_LAST_SIGNING_KEY', 'Cannot delete the last signing key');
  }
}

/** Not part of the contract. */
export class LastSigningKeyNeverExpires extends ContractError {
  constructor() {
    super(409, 'LAST_SIGNING_KEY_NEVER_EXPIRES', 'At least one signing key of an endpoint must have no expiry');
  }
}

/** Not part of the contract. */
export class SigningSecretUsed extends ContractError {
  constructor() {
    super(409, 'SIGNING_SECRET_USED', 'Another signing key of this project has or had this secret: use a new secret');
  }
}

export const SIGNING_KEY_ERRORS = {
  list: [new EndpointNotFound()],
  create: [new EndpointNotFound(), new MaxSigningKeysReached()],
  add: [new EndpointNotFound(), new MaxSigningKeysReached(), new SigningSecretUsed()],
  delete: [new EndpointNotFound(), new SigningKeyNotFound(), new CannotDeleteLastSigningKey()],
  expire: [new EndpointNotFound(), new SigningKeyNotFound(), new LastSigningKeyNeverExpires()],
};
