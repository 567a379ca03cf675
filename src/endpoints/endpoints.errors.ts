import { ContractError } from '../common/api-error.js';
import { EndpointBlocked, EndpointUnreachable, InvalidEndpoint } from './targets.errors.js';

/** No such endpoint in this project, or another project's: the same words for both (endpoints §1.15). */
export class EndpointNotFound extends ContractError {
  constructor() {
    super(404, 'NOT_FOUND', 'Endpoint not found');
  }
}

/** The project has a living endpoint with this URL. */
export class DuplicateUrl extends ContractError {
  constructor() {
    super(409, 'DUPLICATE_URL', 'An endpoint with this URL already exists in the project');
  }
}

/** endpoints §1.2: a header that may not be set, or is no header. */
export class InvalidHeaders extends ContractError {
  constructor(message: string) {
    super(400, 'INVALID_HEADERS', message);
  }
}

/** No such key of this endpoint: never there, gone, expired, or another endpoint's. */
export class SigningKeyNotFound extends ContractError {
  constructor() {
    super(404, 'NOT_FOUND', 'Signing key not found');
  }
}

/** Seed page. */
export class MaxSigningKeysReached extends ContractError {
  constructor() {
    super(409, 'MAX_SIGNING_KEYS_REACHED', 'Endpoint already has the maximum of 2 signing keys');
  }
}

/** Seed page. */
export class CannotDeleteLastSigningKey extends ContractError {
  constructor() {
    super(409, 'CANNOT_DELETE_LAST_SIGNING_KEY', 'Cannot delete the last signing key');
  }
}

/** Beyond the contract: an end needs another key without one. */
export class LastSigningKeyNeverExpires extends ContractError {
  constructor() {
    super(409, 'LAST_SIGNING_KEY_NEVER_EXPIRES', 'One signing key of an endpoint never expires');
  }
}

export class ApiKeyNotFound extends ContractError {
  constructor() {
    super(404, 'NOT_FOUND', 'API key not found');
  }
}

const FORBIDDEN_HEADER = new InvalidHeaders("header 'Host' is forbidden and cannot be overridden");

/** No such project, or none that this caller can see: the same words for both. */
export class WebhookProjectNotFound extends ContractError {
  constructor() {
    super(404, 'NOT_FOUND', 'Project not found');
  }
}

/** What a project has would be orphaned. */
export class WebhookProjectInUse extends ContractError {
  constructor() {
    super(409, 'CONFLICT', 'Project still has endpoints or gateways');
  }
}

/** What an operation answers of its own (endpoints §1.4, §1.5, §1.9). */
export const ENDPOINT_ERRORS = {
  create: [new InvalidEndpoint(), new EndpointBlocked(), new EndpointUnreachable(), FORBIDDEN_HEADER, new DuplicateUrl()],
  update: [
    new EndpointNotFound(),
    new InvalidEndpoint(),
    new EndpointBlocked(),
    new EndpointUnreachable(),
    FORBIDDEN_HEADER,
    new DuplicateUrl(),
  ],
  one: [new EndpointNotFound()],
};

export const SIGNING_KEY_ERRORS = {
  list: [new EndpointNotFound()],
  create: [new EndpointNotFound(), new MaxSigningKeysReached()],
  delete: [new EndpointNotFound(), new SigningKeyNotFound(), new CannotDeleteLastSigningKey()],
  expire: [new EndpointNotFound(), new SigningKeyNotFound(), new LastSigningKeyNeverExpires()],
};
