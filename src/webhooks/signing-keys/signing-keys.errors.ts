import { ContractError } from '../../platform/common/api-error.js';
import { EndpointNotFound } from '../delivery-log/endpoint-scope.js';

/** Same error for a missing, deleted or expired key, and for one of another endpoint. */
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
    super(409, 'LAST_SIGNING_KEY_NEVER_EXPIRES', 'One signing key of an endpoint never expires');
  }
}

/** Not part of the contract. */
export class SigningSecretUsed extends ContractError {
  constructor() {
    super(409, 'SIGNING_SECRET_USED', 'A signing key of this project has, or had, this secret');
  }
}

export const SIGNING_KEY_ERRORS = {
  list: [new EndpointNotFound()],
  create: [new EndpointNotFound(), new MaxSigningKeysReached()],
  add: [new EndpointNotFound(), new MaxSigningKeysReached(), new SigningSecretUsed()],
  delete: [new EndpointNotFound(), new SigningKeyNotFound(), new CannotDeleteLastSigningKey()],
  expire: [new EndpointNotFound(), new SigningKeyNotFound(), new LastSigningKeyNeverExpires()],
};
