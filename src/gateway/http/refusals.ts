import { type AdmissionFault, METHODS } from './admission.js';

/** Why a request was not signed or not forwarded. Also the label of the metric `signet_gateway_refused_total`. */
export type RefusalReason =
  | 'api_unknown'
  | 'api_unbound'
  | 'key_gone'
  | 'not_synced'
  | 'lease_over'
  | 'gateway_deleted'
  | 'signature_failed'
  | 'bad_request'
  | AdmissionFault
  | 'body_too_large'
  | 'headers_too_large'
  | 'busy'
  | 'body_late'
  | 'media_type'
  | 'foreign_page'
  | 'backend_unavailable'
  | 'backend_timeout';

/**
 * An error response of the contract (docs/contracts/apig.md §5.6). If the contract has no code for an error, the nearest code is used with
 * a message of Signet.
 */
export interface Refusal {
  reason: RefusalReason;
  status: number;
  code: string;
  message: string;
  retryAfterSeconds?: number;
}

const UNSIGNED = 'Backend signature calculation failed.';
const refusal = (reason: RefusalReason, status: number, code: string, message: string, retryAfterSeconds?: number): Refusal => ({
  reason,
  status,
  code,
  message,
  ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
});

export const REFUSALS: Record<RefusalReason, Refusal> = {
  api_unknown: refusal('api_unknown', 404, 'APIG.0101', 'The API does not exist or has not been published in the environment.'),
  api_unbound: refusal('api_unbound', 403, 'APIG.0705', `${UNSIGNED} No signature key is bound to the API.`),
  key_gone: refusal('key_gone', 403, 'APIG.0705', `${UNSIGNED} The signature key of the API was deleted.`),
  not_synced: refusal('not_synced', 503, 'APIG.0705', `${UNSIGNED} The gateway has no keys yet.`, 1),
  lease_over: refusal('lease_over', 503, 'APIG.0705', `${UNSIGNED} The gateway has lost the connection to its control plane.`, 1),
  gateway_deleted: refusal('gateway_deleted', 503, 'APIG.0705', `${UNSIGNED} The gateway was deleted.`),
  signature_failed: refusal('signature_failed', 500, 'APIG.0705', UNSIGNED),
  bad_request: refusal('bad_request', 400, 'APIG.0201', 'Bad request.'),
  method_not_allowed: refusal('method_not_allowed', 405, 'APIG.0201', 'Method not allowed.'),
  bad_target: refusal('bad_target', 400, 'APIG.0201', 'Bad request. The path or query is malformed or ambiguous.'),
  bad_host: refusal('bad_host', 400, 'APIG.0201', 'Bad request. Exactly one Host is required, which must be a name or an address.'),
  bad_environment: refusal('bad_environment', 400, 'APIG.0201', 'Bad request. X-Stage must be the name of one environment.'),
  body_too_large: refusal('body_too_large', 413, 'APIG.0201', 'Request entity too large.'),
  uri_too_large: refusal('uri_too_large', 414, 'APIG.0201', 'Request URI too large.'),
  headers_too_large: refusal('headers_too_large', 494, 'APIG.0201', 'Request headers too large.'),
  body_late: refusal('body_late', 408, 'APIG.0201', 'Request timeout. The body arrived too slowly.'),
  media_type: refusal('media_type', 415, 'APIG.0201', 'Unsupported media type. The type must be application/json.'),
  foreign_page: refusal(
    'foreign_page',
    403,
    'APIG.0201',
    'Requests of web pages, and requests with a Host that is not configured, are refused.',
  ),
  busy: refusal('busy', 503, 'APIG.0201', 'The gateway is busy.', 1),
  backend_unavailable: refusal('backend_unavailable', 502, 'APIG.0201', 'Backend unavailable.'),
  backend_timeout: refusal('backend_timeout', 504, 'APIG.0201', 'Backend timeout.'),
};

/** The JSON body of a refusal. */
export const refusalBody = ({ code, message }: Refusal): string => JSON.stringify({ error_code: code, error_msg: message });

/** The headers of a refusal. They repeat the code and the message, because nginx drops the body of an `auth_request` response. */
export const refusalHeaders = (refusal: Refusal): Record<string, string> => ({
  'content-type': 'application/json; charset=utf-8',
  'signet-error-code': refusal.code,
  'signet-error-message': refusal.message,
  ...(refusal.retryAfterSeconds !== undefined && { 'retry-after': String(refusal.retryAfterSeconds) }),
  ...(refusal.status === 405 && { allow: METHODS.join(', ') }),
});
