import { ContractError } from '../../platform/common/api-error.js';

/** The project does not exist, or the caller may not see it. Both cases have the same error. */
export class WebhookProjectNotFound extends ContractError {
  constructor() {
    super(404, 'NOT_FOUND', 'Project not found');
  }
}

/** The project cannot be deleted while it has endpoints or gateways. */
export class WebhookProjectInUse extends ContractError {
  constructor() {
    super(409, 'CONFLICT', 'Project still has endpoints or gateways');
  }
}
