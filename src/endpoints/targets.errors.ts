import { ContractError } from '../common/api-error.js';

/** endpoints §1.2: the text is not a URL that webhooks are sent to. */
export class InvalidEndpoint extends ContractError {
  constructor(message = 'endpoint must be a valid HTTPS URL') {
    super(400, 'INVALID_ENDPOINT', message);
  }
}

/** endpoints §1.14. Does not say which address or range it was: that would map the network the service stands in. */
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
