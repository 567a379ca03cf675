import { ContractError } from '../../platform/common/api-error.js';
import { EndpointNotFound } from '../delivery-log/endpoint-scope.js';
import { EndpointBlocked, EndpointUnreachable, InvalidEndpoint } from './ssrf-guard.errors.js';

/** The project has another endpoint with this URL, which is not deleted. */
export class DuplicateUrl extends ContractError {
  constructor() {
    super(409, 'DUPLICATE_URL', 'An endpoint with this URL already exists in the project');
  }
}

/** A header is malformed or not allowed (docs/contracts/endpoints.md §1.2). */
export class InvalidHeaders extends ContractError {
  constructor(message: string) {
    super(400, 'INVALID_HEADERS', message);
  }
}

/** The stored headers cannot be decrypted. */
export class EndpointHeadersDamaged extends ContractError {
  constructor() {
    super(409, 'CONFLICT', 'The stored headers of the endpoint are damaged: set them again');
  }
}

const FORBIDDEN_HEADER = new InvalidHeaders("header 'Host' is forbidden and cannot be overridden");

/** Not part of the contract. */
export class TooManyEventEndpoints extends ContractError {
  constructor() {
    super(409, 'TOO_MANY_EVENT_ENDPOINTS', 'At most 10 endpoints of a project can subscribe to events');
  }
}

/** Errors by operation, without those that all operations have in common (docs/contracts/endpoints.md §1.4, §1.5, §1.9). */
export const ENDPOINT_ERRORS = {
  create: [new InvalidEndpoint(), new EndpointBlocked(), new EndpointUnreachable(), FORBIDDEN_HEADER, new DuplicateUrl()],
  update: [
    new EndpointNotFound(),
    new InvalidEndpoint(),
    new EndpointBlocked(),
    new EndpointUnreachable(),
    FORBIDDEN_HEADER,
    new DuplicateUrl(),
    new EndpointHeadersDamaged(),
  ],
  show: [new EndpointNotFound(), new EndpointHeadersDamaged()],
  one: [new EndpointNotFound()],
  events: [new EndpointNotFound(), new TooManyEventEndpoints()],
};
