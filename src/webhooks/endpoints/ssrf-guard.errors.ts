import { ContractError } from '../../platform/common/api-error.js';

/** The text is not a valid URL of an endpoint (docs/contracts/endpoints.md §1.2). */
export class InvalidEndpoint extends ContractError {
  constructor(message = 'endpoint must be a valid HTTPS URL') {
    super(400, 'INVALID_ENDPOINT', message);
  }
}

/**
 * The address is blocked (docs/contracts/endpoints.md §1.14). The message contains no address or range, because that would reveal the
 * internal network.
 */
export class EndpointBlocked extends ContractError {
  constructor() {
    super(400, 'ENDPOINT_BLOCKED', 'requests to this address are blocked');
  }
}

export class EndpointUnreachable extends ContractError {
  constructor() {
    super(400, 'ENDPOINT_UNREACHABLE', 'the host of the endpoint does not resolve');
  }
}
