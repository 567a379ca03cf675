import { ContractError } from '../../platform/common/api-error.js';

export class ApiKeyNotFound extends ContractError {
  constructor() {
    super(404, 'NOT_FOUND', 'API key not found');
  }
}
