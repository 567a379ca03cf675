import { ContractError } from '../../platform/common/api-error.js';

/** The key does not exist in this gateway or belongs to another project. Both cases have the same message. */
export class SignNotFound extends ContractError {
  constructor(signId: string) {
    super(404, 'APIG.3017', `Signature key ${signId} does not exist`);
  }
}

export class SignNameTaken extends ContractError {
  constructor() {
    super(400, 'APIG.3207', 'The signature key name already exists.');
  }
}

export class SignQuotaExceeded extends ContractError {
  constructor() {
    super(403, 'APIG.3105', 'The number of signature keys exceeds the maximum allowed limit.');
  }
}

export class SignTypeUnsupported extends ContractError {
  constructor(signType: string, instanceId: string) {
    super(412, 'APIG.3548', `sign_type=${signType} not supported by instance ${instanceId}`);
  }
}

/** 409: the stored secret cannot be decrypted. The key cannot sign any more. It can be deleted, or be given a new key and secret. */
export class SignUnreadable extends ContractError {
  constructor(signId: string) {
    super(409, 'APIG.3309', `The stored secret of signature key ${signId} is damaged. Delete the key, or set its key and its secret.`);
  }
}

/** Errors that only some operations return (docs/contracts/apig.md §1.9). */
export const SIGN_ERRORS = {
  create: [new SignNameTaken(), new SignQuotaExceeded(), new SignTypeUnsupported('{sign_type}', '{instance_id}')],
  update: [
    new SignNotFound('{sign_id}'),
    new SignNameTaken(),
    new SignTypeUnsupported('{sign_type}', '{instance_id}'),
    new SignUnreadable('{sign_id}'),
  ],
  delete: [new SignNotFound('{sign_id}')],
};
