import { ContractError } from '../common/api-error.js';

export class BindingNotFound extends ContractError {
  constructor() {
    super(404, 'APIG.3018', 'The signature key binding record does not exist');
  }
}

/** No such publication in this gateway, or it is offline (docs/contract.md). */
export class PublicationNotFound extends ContractError {
  constructor() {
    super(404, 'APIG.3015', 'The API publication record does not exist.');
  }
}

export class ApiNotFound extends ContractError {
  constructor(apiId: string) {
    super(404, 'APIG.3002', `API ${apiId} does not exist`);
  }
}
