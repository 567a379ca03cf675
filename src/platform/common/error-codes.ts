import type { FaultKind } from './api-error.js';

/** Status, code and message of each fault in one error format. */
export type FaultResponses = Record<FaultKind, readonly [status: number, code: string, message: string]>;

/** No contract has a code for this condition. The status is 503, so that clients retry. */
const HELD = 'The database was restored to an earlier state: keys are not served and nothing is changed until an operator decides.';

/** Codes `APIG.` (docs/contracts/apig.md §5.3 and §5.4). */
export const APIG: FaultResponses = {
  token_missing: [401, 'APIG.1000', 'The token is missing.'],
  token_expired: [401, 'APIG.1001', 'Session expired. Please try again later.'],
  token_invalid: [401, 'APIG.1002', 'Incorrect token or token resolution failed'],
  token_unscoped: [401, 'APIG.1003', 'Token contains no project information.'],
  credentials_wrong: [401, 'APIG.1002', 'Incorrect token or token resolution failed'],
  forbidden: [403, 'APIG.1005', 'No permissions to request this method'],
  invalid: [400, 'APIG.2011', 'Invalid parameter value'],
  missing: [400, 'APIG.2001', 'The request parameters must be specified'],
  unparsable: [400, 'APIG.2000', 'Parameter error'],
  bad_url: [400, 'APIG.2000', 'Parameter error'],
  too_large: [413, 'APIG.0201', 'Request entity too large.'],
  media_type: [415, 'APIG.2000', 'Parameter error'],
  route_unknown: [404, 'APIG.0101', 'The API does not exist or has not been published in the environment.'],
  not_found: [404, 'APIG.0101', 'The API does not exist or has not been published in the environment.'],
  conflict: [409, 'APIG.3309', 'The operation has already been performed.'],
  rate_limited: [429, 'APIG.0308', 'The throttling threshold has been reached.'],
  unavailable: [503, 'APIG.9999', 'System error'],
  held: [503, 'APIG.9999', HELD],
  internal: [500, 'APIG.9999', 'System error'],
};

/** Codes `APIC.`, which concern gateways (docs/contracts/apig.md §3.1). */
export const APIC: FaultResponses = {
  ...APIG,
  token_missing: [401, 'APIC.7100', 'Token missing. Log in again or try again later.'],
  token_expired: [401, 'APIC.7101', 'Token expired. Try again later.'],
  token_invalid: [401, 'APIC.7102', 'Incorrect token or token resolution failed'],
  token_unscoped: [401, 'APIC.7103', 'Token contains no project information.'],
  credentials_wrong: [401, 'APIC.7102', 'Incorrect token or token resolution failed'],
  forbidden: [403, 'APIC.7106', 'No permissions to request for the method'],
  invalid: [400, 'APIC.7211', 'Parameter value does not match the rules'],
  missing: [400, 'APIC.7211', 'Parameter value does not match the rules'],
  unavailable: [503, 'APIC.9000', 'Failed to request internal service'],
  held: [503, 'APIC.9000', HELD],
  internal: [500, 'APIC.9000', 'Failed to request internal service'],
};

/** The format of Keystone (docs/contracts/apig.md §6.1). */
export const KEYSTONE: FaultResponses = {
  token_missing: [401, 'Unauthorized', 'The request you have made requires authentication.'],
  token_expired: [401, 'Unauthorized', 'The request you have made requires authentication.'],
  token_invalid: [401, 'Unauthorized', 'The request you have made requires authentication.'],
  token_unscoped: [401, 'Unauthorized', 'The request you have made requires authentication.'],
  credentials_wrong: [401, 'Unauthorized', 'The username or password is wrong.'],
  forbidden: [403, 'Forbidden', 'You are not authorized to perform the requested action.'],
  invalid: [400, 'Bad Request', 'Invalid input'],
  missing: [400, 'Bad Request', 'A required field is missing'],
  unparsable: [400, 'Bad Request', 'The request body could not be parsed'],
  bad_url: [400, 'Bad Request', 'The request URL could not be decoded'],
  too_large: [413, 'Request Entity Too Large', 'Request entity too large.'],
  media_type: [415, 'Unsupported Media Type', 'The request body must be JSON'],
  route_unknown: [404, 'Not Found', 'The resource could not be found.'],
  not_found: [404, 'Not Found', 'The resource could not be found.'],
  conflict: [409, 'Conflict', 'Conflict occurred attempting to store the resource.'],
  rate_limited: [429, 'Too Many Requests', 'Too many requests were sent in a short time.'],
  unavailable: [503, 'Service Unavailable', 'The service is temporarily unavailable.'],
  held: [503, 'Service Unavailable', HELD],
  internal: [500, 'Internal Server Error', 'An unexpected error prevented the server from fulfilling your request.'],
};

/**
 * The webhook contract (docs/contracts/endpoints.md §1.1, §1.2). Errors without a code in the contract follow its style (docs/contract.md).
 */
export const WEBHOOKS: FaultResponses = {
  token_missing: [401, 'UNAUTHORIZED', 'Invalid or missing API key'],
  token_expired: [401, 'UNAUTHORIZED', 'Invalid or missing API key'],
  token_invalid: [401, 'UNAUTHORIZED', 'Invalid or missing API key'],
  token_unscoped: [401, 'UNAUTHORIZED', 'Invalid or missing API key'],
  credentials_wrong: [401, 'UNAUTHORIZED', 'Invalid or missing API key'],
  forbidden: [403, 'FORBIDDEN', 'Access denied'],
  invalid: [400, 'INVALID_REQUEST', 'is not valid'],
  missing: [400, 'INVALID_REQUEST', 'is required'],
  unparsable: [400, 'INVALID_REQUEST', 'request body must be valid JSON'],
  bad_url: [400, 'INVALID_REQUEST', 'request URL could not be decoded'],
  too_large: [400, 'PAYLOAD_TOO_LARGE', 'request body is too large'],
  media_type: [400, 'INVALID_REQUEST', 'Content-Type must be application/json'],
  route_unknown: [404, 'NOT_FOUND', 'Resource not found'],
  not_found: [404, 'NOT_FOUND', 'Resource not found'],
  conflict: [409, 'CONFLICT', 'Conflict - action cannot be completed'],
  unavailable: [503, 'SERVICE_UNAVAILABLE', 'Service temporarily unavailable'],
  held: [503, 'SERVICE_UNAVAILABLE', HELD],
  rate_limited: [429, 'RATE_LIMITED', 'Too many requests'],
  internal: [500, 'INTERNAL_ERROR', 'Internal server error'],
};
