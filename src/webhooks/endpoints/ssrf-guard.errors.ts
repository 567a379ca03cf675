import { ContractError } from '../../platform/common/api-error.js';

/** docs/contracts/endpoints.md §1.2: the text is not a valid endpoint URL. */
export class InvalidEndpoint extends ContractError {
  constructor(message = 'endpoint must be a valid HTTPS URL') {
    super(400, 'INVALID_ENDPOINT', message);
  }
}

/** docs/contracts/endpoints.md §1.14. The message names no address or range, because that would reveal the internal network. */
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
