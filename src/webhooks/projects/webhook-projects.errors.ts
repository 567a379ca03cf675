import { ContractError } from '../../platform/common/api-error.js';

/** Same error for a missing project and for one that the caller may not see. */
export class WebhookProjectNotFound extends ContractError {
  constructor() {
    super(404, 'NOT_FOUND', 'Project not found');
  }
}

/** Deletion would orphan the project's endpoints or gateways. */
export class WebhookProjectInUse extends ContractError {
  constructor() {
    super(409, 'CONFLICT', 'Project still has endpoints or gateways');
  }
}
