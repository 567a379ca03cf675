import { type ApiError, ContractError, type Fault, type FaultKind } from './api-error.js';

/** An error as it goes out: a status and a body in the contract of the path. */
export interface Rendered {
  status: number;
  contentType: string;
  body: object;
}

type Words = Record<FaultKind, readonly [status: number, code: string, message: string]>;

const HELP = 'Please refer to the support documentation';

/** apig §5.3 and §5.4: the APIG family. */
const APIG: Words = {
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
  internal: [500, 'APIG.9999', 'System error'],
};

/** apig §3.1: the gateway family speaks `APIC.`. */
const APIC: Words = {
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
  internal: [500, 'APIC.9000', 'Failed to request internal service'],
};

/** apig §6.1: Keystone's shape. */
const KEYSTONE: Words = {
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
  internal: [500, 'Internal Server Error', 'An unexpected error prevented the server from fulfilling your request.'],
};

/** endpoints §1.1, §1.2: what the contract has no code for is worded after its fashion (docs/contract.md). */
const WEBHOOKS: Words = {
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
  rate_limited: [429, 'RATE_LIMITED', 'Too many requests'],
  internal: [500, 'INTERNAL_ERROR', 'Internal server error'],
};

/** The paths whose errors are of the `APIC.` family (apig §3.1). */
const APIC_PATH =
  /^\/v2\/[^/]+\/apigw\/(instances(\/[^/]+(\/(progress|restriction|instance-features)?)?)?|available-zones|instance\/configs)\/?$/;

function apig(words: Words, error: ApiError): Rendered {
  const json = (status: number, code: string, message: string): Rendered => ({
    status,
    contentType: 'application/json; charset=utf-8',
    body: { error_code: code, error_msg: message },
  });
  if (error instanceof ContractError) return json(error.status, error.code, error.message);
  const { kind, fault } = error as Fault;
  const [status, code, message] = words[kind];
  if (kind !== 'invalid' && kind !== 'missing')
    return json(status, code, fault.detail && status < 500 ? `${message}: ${fault.detail}` : message);
  if (words === APIC) return json(status, code, `${message}, parameter name[${camelCase(fault.parameter ?? '')}]`);
  const ofPlace = kind === 'invalid' && fault.where !== 'body' ? 'APIG.2012' : code;
  return json(status, fault.code ?? ofPlace, `${message},parameterName:${fault.parameter}. ${HELP}`);
}

function keystone(error: ApiError): Rendered {
  const contentType = 'application/json; charset=utf-8';
  if (error instanceof ContractError) {
    return { status: error.status, contentType, body: { error: { code: error.status, message: error.message, title: error.code } } };
  }
  const { kind, fault } = error as Fault;
  const [status, title, message] = KEYSTONE[kind];
  const about = fault.parameter ? `${message}: ${fault.parameter}` : message;
  return { status, contentType, body: { error: { code: status, message: about, title } } };
}

/** endpoints §1.1: an error that names a field has it in `details` too. */
function webhooks(error: ApiError, requestId: string): Rendered {
  const json = (status: number, code: string, message: string, details?: object): Rendered => ({
    status,
    contentType: 'application/json; charset=utf-8',
    body: { error: { code, message, ...(details && { details }) }, meta: { request_id: requestId } },
  });
  if (error instanceof ContractError) return json(error.status, error.code, error.message);
  const { kind, fault } = error as Fault;
  const [status, code, message] = WEBHOOKS[kind];
  if (kind !== 'invalid' && kind !== 'missing') return json(status, code, message);
  const { parameter = '', rule } = fault;
  return json(status, fault.code ?? code, (kind === 'invalid' && rule) || `${parameter} ${message}`, { field: parameter });
}

/** Signet's own surfaces: RFC 9457, with the fault's name as `code`. */
function problem(error: ApiError, requestId: string): Rendered {
  const contentType = 'application/problem+json; charset=utf-8';
  if (error instanceof ContractError) {
    return {
      status: error.status,
      contentType,
      body: { type: 'about:blank', title: error.message, status: error.status, code: error.code, request_id: requestId },
    };
  }
  const { kind, fault } = error as Fault;
  const [status, title, message] = KEYSTONE[kind];
  const body = {
    type: 'about:blank',
    title,
    status,
    detail: fault.detail ?? fault.rule ?? message,
    code: kind,
    ...(fault.parameter && { parameter: fault.parameter }),
    request_id: requestId,
  };
  return { status, contentType, body };
}

/**
 * Words an error in the contract of the path it happened on.
 * @param path the request's path without its query
 */
export function render(error: ApiError, path: string, requestId: string): Rendered {
  const family = familyOf(path);
  if (family === 'Keystone') return keystone(error);
  if (family === 'Problem') return problem(error, requestId);
  if (family === 'Webhook') return webhooks(error, requestId);
  return apig(family === 'Apic' ? APIC : APIG, error);
}

/** Whose words the errors of a path are in: two families of codes, Keystone's shape, the webhook contract's, and RFC 9457. */
export type Family = 'Apig' | 'Apic' | 'Keystone' | 'Webhook' | 'Problem';

/** @param path the request's path without its query, or a route's with `{name}` for its parameters */
export function familyOf(path: string): Family {
  if (path.startsWith('/v3/') || path === '/v3' || path.startsWith('/v3.0/')) return 'Keystone';
  if (path.startsWith('/v2/')) return APIC_PATH.test(path) ? 'Apic' : 'Apig';
  if (path.startsWith('/v1/')) return 'Webhook';
  return 'Problem';
}

const camelCase = (snake: string) => snake.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
