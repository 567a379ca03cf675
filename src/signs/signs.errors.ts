import { ContractError } from '../common/api-error.js';

/** No such key in this gateway, or another project's: the same words for both. */
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

/** What an operation answers of its own (apig §1.9). */
export const SIGN_ERRORS = {
  create: [new SignNameTaken(), new SignQuotaExceeded(), new SignTypeUnsupported('{sign_type}', '{instance_id}')],
  update: [new SignNotFound('{sign_id}'), new SignNameTaken(), new SignTypeUnsupported('{sign_type}', '{instance_id}')],
  delete: [new SignNotFound('{sign_id}')],
};
